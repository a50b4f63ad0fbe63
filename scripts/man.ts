/**
 * `dist/share/man/man1/TOOL.1` for each tool, from the same tables as its `--help`. The date
 * is that of the last commit (or SOURCE_DATE_EPOCH), so that a build can be repeated.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { renderMan } from '../packages/cli/src/man.ts';
import type { Command } from '../packages/cli/src/tool.ts';
import { toolNames as tools } from '../packages/cli/src/tool-names.ts';

const top = join(import.meta.dirname, '..');

/** `ns-enter` exports its tool as `nsEnter`. */
const exportName = (tool: string): string =>
  tool.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());

function date(): string {
  const epoch = process.env.SOURCE_DATE_EPOCH ?? lastCommit();
  return new Date(Number(epoch) * 1000).toISOString().slice(0, 10);
}

function lastCommit(): string {
  try {
    return execFileSync('git', ['-C', top, 'log', '-1', '--format=%ct'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  } catch {
    // A source archive has no history; its own date is what it has.
    return String(Date.now() / 1000);
  }
}

/** Write all pages below `root`. */
export async function writeManuals(root: string, version: string): Promise<void> {
  const dir = join(root, 'man/man1');
  mkdirSync(dir, { recursive: true });
  const on = date();
  for (const tool of tools) {
    const source = join(top, 'packages', tool);
    const { exports } = JSON.parse(readFileSync(join(source, 'package.json'), 'utf8')) as {
      exports: { '.': string };
    };
    const module = (await import(join(source, exports['.']))) as Record<string, Command>;
    const command = module[exportName(tool)];
    if (!command) throw new Error(`packages/${tool} exports no ${exportName(tool)}`);
    const described = 'dispatch' in command ? await command.describe?.() : command;
    if (!described) continue;
    const page = join(dir, `${tool}.1`);
    writeFileSync(`${page}.${process.pid}`, renderMan(described, version, on));
    renameSync(`${page}.${process.pid}`, page);
  }
}
