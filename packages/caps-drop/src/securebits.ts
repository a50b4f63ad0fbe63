/** Securebits (capabilities(7), "The securebits flags"; `linux/securebits.h`). */
import { nearest, UsageError } from '@ctr-tools/cli';

export const securebits = {
  noroot: 1 << 0,
  noroot_locked: 1 << 1,
  no_setuid_fixup: 1 << 2,
  no_setuid_fixup_locked: 1 << 3,
  keep_caps: 1 << 4,
  keep_caps_locked: 1 << 5,
  no_cap_ambient_raise: 1 << 6,
  no_cap_ambient_raise_locked: 1 << 7,
} as const;

/** A list of names, an optional + before each, or a number. keep_caps alone is cleared by the coming exec. */
export function parseSecurebits(text: string): number {
  if (/^(?:0x[0-9a-f]+|\d+)$/i.test(text)) return Number(text);
  let bits = 0;
  for (const word of text.split(',')) {
    const name = word.trim().toLowerCase().replace(/^\+/, '').replaceAll('-', '_');
    if (name === 'none') continue;
    const bit = securebits[name as keyof typeof securebits];
    if (bit === undefined) {
      const meant = nearest(name, Object.keys(securebits));
      throw new UsageError(
        `--securebits: "${word}" is none${meant ? `; did you mean ${meant}?` : ` of ${Object.keys(securebits).join(', ')}`}`,
      );
    }
    if (name === 'keep_caps')
      throw new UsageError(
        '--securebits: keep_caps is cleared by every exec, so the command could not have it',
      );
    bits |= bit;
  }
  return bits;
}

export const securebitNames = (bits: number): string[] =>
  Object.entries(securebits)
    .filter(([, bit]) => bits & bit)
    .map(([name]) => name);
