/**
 * Writes `native/src/gen/ops.h` from the table of operations in `packages/plan`.
 * `--check` only compares, and fails if they differ.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type ArgKind, ops } from '../packages/plan/src/ops.ts';

const letters: Record<ArgKind, string> = { int: 'i', text: 't', blob: 'b', list: 'l', ints: 'n', out: 'o' };

/** The header's text. OPS(X) calls X(NAME, name, code, kinds) for every operation. */
export function opsHeader(): string {
  const rows = Object.entries(ops).map(([name, shape]) => {
    const kinds = (Object.values(shape.args) as ArgKind[]).map((kind) => letters[kind]).join('');
    return `  X(${name.toUpperCase()}, ${name}, ${shape.code}, "${kinds}")`;
  });
  return `/* Made by scripts/gen-ops.ts from packages/plan/src/ops.ts. Do not edit. */\n#ifndef CTR_GEN_OPS_H\n#define CTR_GEN_OPS_H\n\n#define OPS(X) \\\n${rows.join(' \\\n')}\n\n#endif\n`;
}

const path = join(import.meta.dirname, '../native/src/gen/ops.h');
if (import.meta.main) {
  if (process.argv.includes('--check')) {
    if (readFileSync(path, 'utf8') !== opsHeader()) {
      process.stderr.write('native/src/gen/ops.h is stale: run node scripts/gen-ops.ts\n');
      process.exitCode = 1;
    }
  } else {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, opsHeader());
  }
}
