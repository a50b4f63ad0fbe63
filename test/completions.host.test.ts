/** What a person gets by the Tab key, in real shells. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { dist } from './dist.ts';
import { findCommand, needs, run, runTool, tempDir, toolEnv } from './support.ts';

const share = join(dist, 'share');

/** Lines that are begun, and what they become by one Tab. */
const lines = [
  ['caps-drop --onl', 'caps-drop --only'],
  ['caps-drop --only chown,sys_adm', 'caps-drop --only chown,sys_admin'],
  ['ns-enter --new mount,ut', 'ns-enter --new mount,uts'],
  ['ns-enter --propagation=priv', 'ns-enter --propagation=private'],
  [
    'ns-enter --new uts -- caps-drop --drop net_bind',
    'ns-enter --new uts -- caps-drop --drop net_bind_service',
  ],
  ['seccomp-load --deny process_vm_wri', 'seccomp-load --deny process_vm_writev'],
  ['ctr-run checkp', 'ctr-run checkpoint'],
  ['ctr-run checkpoint --leave-run', 'ctr-run checkpoint --leave-running'],
  ['cg-limit --resources /etc/hostna', 'cg-limit --resources /etc/hostname'],
  ['cg-limit --memory 64M -- cat /etc/hostna', 'cg-limit --memory 64M -- cat /etc/hostname'],
] as const;

/** A shell in a terminal of its own: what stands on its line after each text and a Tab. */
function tabbed(shell: readonly string[], setUp: string): string[] {
  const directory = tempDir('tab');
  const rc = join(directory, 'rc');
  writeFileSync(rc, setUp);
  const tmux = (...args: string[]) =>
    run('tmux', ['-S', join(directory, 's'), '-f', '/dev/null', ...args], {
      env: toolEnv({ LC_ALL: 'C.UTF-8', HOME: directory }),
    });
  const shown = (): string => tmux('capture-pane', '-p', '-J').stdout.trimEnd();
  const wait = (until: (text: string) => boolean): string => {
    let text = '';
    for (let tries = 0; tries < 100 && !until(text); tries++) {
      run('sleep', ['0.1']);
      text = shown();
    }
    return text;
  };
  const made = tmux('new-session', '-d', '-x', '200', '-y', '20', ...shell);
  if (made.status !== 0) throw new Error(made.stderr);
  try {
    tmux('send-keys', '-l', ` . ${rc}; clear`);
    tmux('send-keys', 'Enter');
    wait((text) => /^> ?$/.test(text));
    return lines.map(([begun, whole]) => {
      tmux('send-keys', '-l', begun);
      tmux('send-keys', 'Tab');
      const text = wait((each) => each.includes(whole));
      tmux('send-keys', 'C-u', 'C-l');
      wait((each) => /^> ?$/.test(each));
      return text.split('\n').at(-1)!.replace(/^> /, '').trimEnd();
    });
  } finally {
    tmux('kill-server');
  }
}

const whole = lines.map(([, each]) => each);

describe('Tab', () => {
  test('in bash', (context) => {
    needs(context, 'root', 'command:tmux', 'command:bash');
    const setUp = `PS1='> '; . ${share}/bash-completion/completions/ns-enter\n`;
    expect(tabbed(['bash', '--norc', '--noprofile', '-i'], setUp)).toEqual(whole);
  });

  test('in zsh', (context) => {
    needs(context, 'root', 'command:tmux', 'command:zsh');
    const setUp = `PS1='> '; fpath=(${share}/zsh/site-functions $fpath); autoload -U compinit; compinit -u -D\n`;
    expect(tabbed([findCommand('zsh')!, '-f', '-i'], setUp)).toEqual(whole);
  });

  test('in fish', (context) => {
    needs(context, 'root', 'command:fish');
    const home = tempDir('fish');
    const answers = lines.map(([begun]) => {
      const tool = begun.split(' ')[0]!;
      const script = `for f in ${share}/fish/vendor_completions.d/*.fish; source $f; end; complete -C '${begun}'`;
      const { stdout } = run('fish', ['--no-config', '-c', script], { env: toolEnv({ HOME: home }) });
      const words = stdout.split('\n').map((line) => line.split('\t')[0]!.trimEnd());
      return [tool, words.filter(Boolean)] as const;
    });
    for (const [i, [, words]] of answers.entries()) expect(words).toContain(whole[i]!.split(' ').at(-1));
  });
});

test('what a shell is told is what the tables say', () => {
  const told = (tool: string, ...words: string[]) =>
    runTool(tool, ['--complete', '--', ...words])
      .stdout.split('\n')
      .filter(Boolean);
  // A flag that is given is not proposed again, unless it may be.
  expect(told('caps-drop', '--user', 'x', '--us')).toEqual([]);
  expect(told('caps-drop', '--drop', 'chown', '--dro')).toEqual([expect.stringMatching(/^--drop\t/)]);
  // The command begins at the first operand or behind --, and is completed by the shell, or by the sibling.
  expect(told('caps-drop', '--all', 'l')).toEqual([':command 0']);
  expect(told('seccomp-load', 'default', '--', 'ls', '-')).toEqual([':command 1']);
  expect(told('seccomp-load', 'default', '--', 'caps-drop', '--no-new-p')).toEqual([
    expect.stringMatching(/^--no-new-privs\t/),
  ]);
  expect(told('ufs-mount', 'host', '--driver', 'fuse')).toEqual(['fuse-overlayfs']);
  expect(told('ns-enter', '--target', String(process.pid))).toContain(String(process.pid));
  expect(told('ns-enter', '--target', 'dock')).toEqual(['docker:']);
  expect(told('ctr-run', 'kill', 'x', 'SIGUS')).toEqual(['SIGUSR1', 'SIGUSR2']);
});
