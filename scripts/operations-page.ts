/** `docs/operations.md`: every operation with its arguments, what it changes, and what its row says of it. */
import { type Effect, effects } from '../packages/plan/src/effects.ts';
import { type OpName, type OpShape, ops } from '../packages/plan/src/ops.ts';

interface Row {
  section: string;
  comment: string;
  name: OpName;
}

/** The comment above each row, and the heading that it stands under, from the table's own text. */
function rowsOf(source: string): Row[] {
  const rows: Row[] = [];
  let section = '';
  let comment = '';
  const token = /^ {2}\/\/ --- (.+?) -*$|^ {2}\/\*\*([\s\S]*?)\*\/$|^ {2}(\w+): op\(/gm;
  for (const [, heading, text, name] of source.matchAll(token)) {
    if (heading !== undefined) section = heading;
    else if (text !== undefined)
      comment = text
        .replace(/^\s*\* ?/gm, ' ')
        .replace(/\s+/g, ' ')
        .trim();
    else {
      rows.push({ section, comment, name: name as OpName });
      comment = '';
    }
  }
  return rows;
}

const cell = (text: string): string => text.replaceAll('|', '\\|').replace(/([*<])/g, '\\$1');

function line({ name, comment }: Row): string {
  const { args, spell, does } = ops[name] as OpShape;
  const takes = Object.entries(args).map(([arg, kind]) => `\`${arg}\` ${spell[arg] ?? kind}`);
  return `| \`${name}\` | ${takes.join(', ')} | ${does.join(', ')} | ${cell(comment)} |`;
}

/** The page's text; `source` is that of `ops.ts`. */
export function operationsPage(source: string): string {
  const rows = rowsOf(source);
  const sections = [...new Set(rows.map((row) => row.section))];
  const words = Object.entries(effects) as [Effect, string][];
  return `# The operations of plans

Made by \`scripts/gen-ops.ts\` from \`packages/plan/src/ops.ts\` and \`effects.ts\`; do not edit it. There are ${rows.length}.
What the kinds of arguments are stands at the head of \`ops.ts\`; an integer's kind here is how it is worded.

## What an operation can change

| effect | an operation that has it … |
| --- | --- |
${words.map(([name, what]) => `| ${name} | ${cell(what)} |`).join('\n')}
${sections
  .map((section) => {
    const lines = rows.filter((row) => row.section === section).map(line);
    const title = `${section.charAt(0).toUpperCase()}${section.slice(1)}`;
    return `\n## ${title}\n\n| operation | arguments | changes | |\n| --- | --- | --- | --- |\n${lines.join('\n')}\n`;
  })
  .join('')}`;
}
