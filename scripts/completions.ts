/** What the shells load to complete our commands, below `root` (`dist/share`): each where its shell looks for it. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { toolNames as tools } from '../packages/cli/src/tool-names.ts';

const sources = join(import.meta.dirname, '../packages/cli/completions');

export function writeCompletions(root: string): void {
  const write = (path: string, text: string): void => {
    const file = join(root, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(`${file}.${process.pid}`, text);
    renameSync(`${file}.${process.pid}`, file);
  };
  const text = (shell: string): string => readFileSync(join(sources, shell), 'utf8');
  for (const tool of tools) {
    // bash-completion and fish look for a file of the command's name.
    write(`bash-completion/completions/${tool}`, text('bash').replace('TOOLS', tools.join(' ')));
    write(`fish/vendor_completions.d/${tool}.fish`, text('fish').replaceAll(/\bTOOL$|(?<=-c )TOOL/gm, tool));
  }
  write('zsh/site-functions/_ctr-tools', text('zsh').replace('TOOLS', tools.join(' ')));
}
