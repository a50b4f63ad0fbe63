import { err, type Host, out, type Parsed } from '@ctr-tools/cli';
import { capabilityName } from '@ctr-tools/sys/constants';
import type { CapsOptions } from '../options.ts';
import { lastCapability } from '../privileges.ts';
import { allows } from '../sentences.ts';

/** Pure. The capabilities up to `last` whose name or sentence has all of these words, in any case and order. */
export function capabilitiesAbout(words: string, last: number): number[] {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  return Array.from({ length: last + 1 }, (_, n) => n).filter((n) => {
    const text = `${capabilityName(n)} ${allows(n)}`.toLowerCase();
    return wanted.every((word) => text.includes(word));
  });
}

/** `--show-capability WORDS`: one a line with what it allows; exit code 1 where there is none. */
export function about(words: string, { json }: CapsOptions, _parsed: Parsed, _host: Host): number {
  const found = capabilitiesAbout(words, lastCapability());
  if (json) {
    const rows = found.map((n) => ({ capability: capabilityName(n), number: n, allows: allows(n) }));
    out(`${JSON.stringify(rows, null, 2)}\n`);
  } else for (const n of found) out(`${capabilityName(n).padEnd(24)} ${allows(n)}\n`);
  if (found.length === 0) err(`caps-drop: no capability is about "${words}"\n`);
  return found.length > 0 ? 0 : 1;
}
