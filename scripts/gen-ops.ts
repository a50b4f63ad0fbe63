/**
 * Writes what is made from TypeScript's tables: `native/src/gen/ops.h` and `docs/operations.md` from
 * the operations in `packages/plan`, `native/src/gen/accounts.h` from the controllers of `packages/cg-limit`,
 * `native/src/gen/tools.h` from `tool-names.ts` in `packages/cli`,
 * `native/common/enumerations.h` from the same, `native/layers/gen/requests.h` from `layers-request.ts` in `packages/ufs-mount`.
 * `--check` only compares, and fails if they differ.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { accounts } from '../packages/cg-limit/src/reports.ts';
import { aliasNames, becomesCommand } from '../packages/cli/src/tool-names.ts';
import { type Effect, effects } from '../packages/plan/src/effects.ts';
import { type ArgKind, enumerations, type OpShape, ops } from '../packages/plan/src/ops.ts';
import { layerKinds, requests } from '../packages/ufs-mount/src/layers-request.ts';
import { operationsPage } from './operations-page.ts';

const letters: Record<ArgKind, string> = { int: 'i', text: 't', blob: 'b', list: 'l', ints: 'n', out: 'o' };

const bit = (effect: Effect): string => `DOES_${effect.toUpperCase()}`;

/** The header's text. OPS(X) calls X(NAME, name, code, kinds, does) for every operation. */
export function opsHeader(): string {
  const bits = Object.entries(effects).map(
    ([name, what], i) => `  ${bit(name as Effect)} = 1u << ${i}, /* ${what} */`,
  );
  const rows = Object.entries<OpShape>(ops).map(([name, { code, args, does }]) => {
    const kinds = Object.values(args).map((kind) => letters[kind]);
    return `  X(${name.toUpperCase()}, ${name}, ${code}, "${kinds.join('')}", ${does.map(bit).join(' | ') || '0'})`;
  });
  return `/* Made by scripts/gen-ops.ts from packages/plan/src/ops.ts and effects.ts. Do not edit. */
#ifndef CTR_GEN_OPS_H
#define CTR_GEN_OPS_H

/* What an operation changes. */
enum effect {
${bits.join('\n')}
};

#define OPS(X) \\
${rows.join(' \\\n')}

#endif
`;
}

/** Arguments that have a few values only, for both executables. */
function enumerationsHeader(): string {
  const enums = Object.entries<Record<string, number>>(enumerations).map(([name, words]) => {
    const values = Object.entries(words).map(([word, n]) => `${`${name}_${word}`.toUpperCase()} = ${n}`);
    return `enum ${name} { ${values.join(', ')} };`;
  });
  return `/* Made by scripts/gen-ops.ts from packages/plan/src/ops.ts. Do not edit. */
#ifndef CTR_ENUMERATIONS_H
#define CTR_ENUMERATIONS_H

${enums.join('\n')}

#endif
`;
}

function accountsHeader(): string {
  const text = (value: string | undefined): string => (value === undefined ? 'NULL' : JSON.stringify(value));
  const rows = accounts.map(({ file, key, bytes, pairs }) => {
    const [first, second] = pairs as readonly (readonly [string, string])[];
    const both = (at: 0 | 1): string => `{${text(first?.[at])}, ${text(second?.[at])}}`;
    return `  {${text(file)}, ${text(key)}, ${both(0)}, ${both(1)}, ${bytes}}`;
  });
  return `/* Made by scripts/gen-ops.ts from packages/cg-limit/src/controllers. Do not edit. */\n#define ACCOUNTS { \\\n${rows.join(', \\\n')} \\\n}\n`;
}

/** REQUESTS(X) calls X(name, arguments) for every request; each argument's place has a name, and so has each kind of layer. */
function requestsHeader(): string {
  const upper = (text: string): string => text.toUpperCase().replaceAll('-', '_');
  const entries = Object.entries(requests) as [string, Record<string, ArgKind>][];
  const rows = entries.map(([name, args]) => {
    const list = Object.entries(args).map(([arg, kind]) => `${letters[kind]}${arg}`);
    return `  X(${name}, "${list.join(' ')}")`;
  });
  const places = entries.map(
    ([name, args]) =>
      `enum { ${Object.keys(args)
        .map((arg) => upper(`${name}_${arg}`))
        .join(', ')} };`,
  );
  const kinds = layerKinds.map((kind) => `LAYERS_${upper(kind)}`);
  return `/* Made by scripts/gen-ops.ts from packages/ufs-mount/src/layers-request.ts. Do not edit. */
#ifndef CTR_GEN_REQUESTS_H
#define CTR_GEN_REQUESTS_H

#define REQUESTS(X) \\
${rows.join(' \\\n')}

${places.join('\n')}

enum layers_kind { ${kinds.join(', ')} };
#define LAYERS_KINDS ${layerKinds.map((kind) => JSON.stringify(kind)).join(', ')}

#endif
`;
}

/** Tools that become the command, with the names of others that lead to them. */
function toolsHeader(): string {
  const others = Object.entries(aliasNames).flatMap(([name, tool]) =>
    becomesCommand.includes(tool) ? [name] : [],
  );
  const names = [...becomesCommand, ...others].map((name) => JSON.stringify(name));
  return `/* Made by scripts/gen-ops.ts from packages/cli/src/tool-names.ts. Do not edit. */\n#define BECOMES_COMMAND {${names.join(', ')}}\n`;
}

const top = join(import.meta.dirname, '..');
const files = {
  'native/src/gen/ops.h': opsHeader,
  'native/src/gen/accounts.h': accountsHeader,
  'native/src/gen/tools.h': toolsHeader,
  'native/common/enumerations.h': enumerationsHeader,
  'native/layers/gen/requests.h': requestsHeader,
  'docs/operations.md': () => operationsPage(readFileSync(join(top, 'packages/plan/src/ops.ts'), 'utf8')),
};
if (import.meta.main) {
  for (const [name, text] of Object.entries(files)) {
    const path = join(top, name);
    mkdirSync(dirname(path), { recursive: true });
    if (!process.argv.includes('--check')) writeFileSync(path, text());
    else if (!existsSync(path) || readFileSync(path, 'utf8') !== text()) {
      process.stderr.write(`${name} is stale: run node scripts/gen-ops.ts\n`);
      process.exitCode = 1;
    }
  }
}
