import type { Host, Outcome, Parsed } from '@ctr-tools/cli';
import type { UfsOptions } from '../options.ts';
import { unmount } from './unmount.ts';

/** Carry out the act `name`, whose value stands in the flags. */
export function act(name: string, _options: UfsOptions, parsed: Parsed, host: Host): Outcome {
  const value = parsed.flags.get(name)?.at(-1) ?? '';
  if (name === 'unmount') return unmount(value, host);
  throw new Error(`ufs-mount has no act ${name}`);
}
