import type { Host } from '@ctr-tools/cli';
import { defaultProfile, parseProfile } from '../name.ts';
import type { ConfineOptions } from '../options.ts';
import { namespaceDirectory, writePolicy } from './policy.ts';
import { requireApparmor } from './require.ts';

/** `--unload[=NAME]`. Whoever is under the profile becomes unconfined. */
export function unload(value: string, options: ConfineOptions, _host: Host): number {
  const name = value === '' ? (options.name ?? defaultProfile) : parseProfile(value);
  const doing = `unload the profile ${name}`;
  requireApparmor(doing);
  writePolicy(namespaceDirectory(options.namespace), '.remove', Buffer.from(name), doing);
  return 0;
}
