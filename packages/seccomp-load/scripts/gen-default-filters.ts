/**
 * Compile the default profile for the usual machines and sets of capabilities, so that the
 * tool need not at every start: src/tables/default-filters.ts. To be run again whenever the
 * default profile, the tables or the compiler change; a test says when.
 */
import { writeFileSync } from 'node:fs';
import { compile } from '../src/compiler.ts';
import { defaultProfile } from '../src/default-profile.ts';
import { normalize } from '../src/profile/normalize.ts';
import { select } from '../src/profile/select.ts';
import { asked, stockKey } from '../src/stock.ts';

const entries = (['x86_64', 'aarch64'] as const).flatMap((abi) =>
  [[], ['CAP_SYS_CHROOT'], asked].map((list) => {
    const caps = new Set<string>(list);
    const filter = compile(normalize(select(defaultProfile, { abi, caps, kernel: '6.18' }), abi));
    return `  '${stockKey(abi, caps)}':\n    '${filter.toString('base64')}',\n`;
  }),
);
writeFileSync(
  new URL('../src/tables/default-filters.ts', import.meta.url),
  `// Made by scripts/gen-default-filters.ts. Do not edit.\n\n/** The default profile's filters in base64, by \`stockKey\`. */\nexport const filters: Readonly<Record<string, string>> = {\n${entries.join('')}};\n`,
);
