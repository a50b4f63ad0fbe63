import { type Host, out, type Parsed } from '@ctr-tools/cli';
import { capabilitiesOf, capabilityName } from '@ctr-tools/sys/constants';
import { parseCapabilities, parseMask, specNames } from '../capability-list.ts';
import type { CapsOptions } from '../options.ts';
import { lastCapability } from '../privileges.ts';
import { allows } from '../sentences.ts';

/** `--decode`: a mask becomes names, one a line with what it allows; names become a mask. */
export function decode(value: string, { json }: CapsOptions, _parsed: Parsed, _host: Host): number {
  // Short masks without 0x are meant too, but not those that read as the number of one capability.
  const mask =
    parseMask(value) ??
    (/^(?=.*[a-f])[0-9a-f]{1,16}$|^0\d*$/i.test(value) ? BigInt(`0x${value}`) : undefined);
  const bits = mask ?? parseCapabilities(value, lastCapability());
  const hex = bits.toString(16).padStart(16, '0');
  if (json) out(`${JSON.stringify({ mask: hex, capabilities: specNames(bits) })}\n`);
  else if (mask === undefined) out(`${hex}\n`);
  else for (const n of capabilitiesOf(bits)) out(`${capabilityName(n).padEnd(24)} ${allows(n)}\n`);
  return 0;
}
