import { type Host, type Parsed, processTarget } from '@ctr-tools/cli';
import { parseCapabilities } from '../capability-list.ts';
import type { CapsOptions } from '../options.ts';
import { lastCapability } from '../privileges.ts';
import { privilegesOf } from './processes.ts';

/** `--has LIST [--pid PID]`: 0 if all of them are effective, 1 if not. */
export function has(value: string, _options: CapsOptions, parsed: Parsed, host: Host): number {
  const wanted = parseCapabilities(value, lastCapability());
  const { effective } = privilegesOf(processTarget(parsed.flags.get('pid')?.[0] ?? '', host, '--pid'));
  return (wanted & ~effective) === 0n ? 0 : 1;
}
