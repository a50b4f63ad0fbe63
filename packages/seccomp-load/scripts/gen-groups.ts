/**
 * The groups of system calls that systemd knows by name (systemd.exec(5), SystemCallFilter=), as
 * `systemd-analyze syscall-filter` prints them: src/tables/groups.ts. To be run again for a newer systemd.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';

const run = (...args: string[]): string => execFileSync('systemd-analyze', args, { encoding: 'utf8' });
const [version] = run('--version').split('\n');
const groups = new Map<string, string[]>();
let members: string[] = [];
for (const line of run('syscall-filter').split('\n')) {
  const word = line.replace(/\x1b\[[\d;]*m/g, '').trim();
  // What comes after is what this kernel has and no group: not a group itself.
  if (word.startsWith('# Ungrouped') || word.startsWith('# Unlisted')) break;
  if (line.startsWith('@')) {
    members = [];
    groups.set(word, members);
  } else if (word !== '' && !word.startsWith('#')) members.push(word);
}
// All calls that systemd knows; nobody refuses or permits those as a group.
groups.delete('@known');
const lines = [...groups].map(([name, calls]) => `  ['${name}',\n    '${calls.join(' ')}'],`);
writeFileSync(
  new URL('../src/tables/groups.ts', import.meta.url),
  `// Made by scripts/gen-groups.ts from ${version}. Do not edit.\n\n` +
    '/** Groups of calls by systemd’s names; a group may have others in it. */\n' +
    `export const groups: ReadonlyMap<string, string> = new Map([\n${lines.join('\n')}\n]);\n`,
);
