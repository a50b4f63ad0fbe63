/** Tables in a real terminal (tmux) of 80, 120 and 200 columns: no line is broken, and what says most is readable. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { needs, run, runTool, start, tempDir, toolEnv, until } from './support.ts';

/** What stands on a terminal of so many columns after this line of shell; a line that was broken is two. */
function onTerminal(columns: number, line: string): string[] {
  const socket = join(tempDir('tmux'), 's');
  const tmux = (...args: string[]) =>
    run('tmux', ['-S', socket, '-f', '/dev/null', ...args], { env: toolEnv({ LC_ALL: 'C.UTF-8' }) });
  const script = join(socket, '..', 'line');
  writeFileSync(script, `${line}\necho; echo THE END; exec sleep 100\n`);
  const made = tmux('new-session', '-d', '-x', String(columns), '-y', '400', `sh ${script}`);
  if (made.status !== 0) throw new Error(made.stderr);
  try {
    for (let tries = 0; ; tries++) {
      const text = tmux('capture-pane', '-p').stdout;
      if (text.includes('THE END')) return text.slice(0, text.indexOf('THE END')).split('\n').filter(Boolean);
      if (tries > 600) throw new Error(`never ended: ${text}`);
      run('sleep', ['0.1']);
    }
  } finally {
    tmux('kill-server');
  }
}

describe.each([80, 120, 200])('at %i columns', (columns) => {
  test('ns-enter --show: a line each, with 25 letters of the command', async (context) => {
    needs(context, 'root', 'command:tmux');
    const command = 'sleep 1000.00000000000000000000000000000000000000000000000000000000000000000000001';
    const held = start('ns-enter', ['--new', 'uts,ipc,net', '--', ...command.split(' ')], {
      fds: [0],
    });
    await until('it runs', () => run('pgrep', ['-P', String(process.pid), '-x', 'sleep']).status === 0);
    const lines = onTerminal(columns, 'ns-enter --show --type net');
    const line = lines.find((each) => each.includes('sleep 1000.'))!;
    expect(line.length).toBeLessThanOrEqual(columns);
    expect(/sleep 1000.*/.exec(line)![0].length).toBeGreaterThanOrEqual(25);
    // What is left out of a narrow one was asked for by nobody.
    const asked = onTerminal(columns, 'ns-enter --show --type net -o NS,ONS,PNS');
    expect(asked[0]!.split(/ +/).filter(Boolean)).toEqual(['NS', 'ONS', 'PNS']);
    expect(held.child.exitCode).toBeNull();
  });

  test('caps-drop --tree: a line a process', (context) => {
    needs(context, 'root', 'command:tmux');
    const lines = onTerminal(columns, 'caps-drop --only chown,kill,setuid,setgid -- caps-drop --tree');
    for (const line of lines.slice(1)) expect(line).toMatch(/^ *\d+ +\d+ /);
    expect(lines[0]).toContain('PROCESS');
  });

  test('ufs-mount --show and --list: a line a layer', (context) => {
    needs(context, 'root', 'command:tmux', 'command:tar');
    const dir = tempDir('widths');
    const env = { CTR_STORE: join(dir, 'store') };
    run('sh', ['-c', `mkdir ${dir}/t && echo 1 >${dir}/t/x && tar -C ${dir}/t -cf ${dir}/one.tar .`]);
    const root = runTool('ufs-mount', [`${dir}/one.tar`], { env: toolEnv(env) }).stdout.trim();
    try {
      const shown = onTerminal(columns, `CTR_STORE=${env.CTR_STORE} ufs-mount --show ${root}`);
      const layer = shown.find((line) => line.includes('sha256:'))!;
      expect(layer).toMatch(/^sha256:[0-9a-f]{11,}…? +\S+ \S+ +\d+$|^sha256:[0-9a-f]{11,}…? +\S+ +\d+$/);
      const listed = onTerminal(columns, `CTR_STORE=${env.CTR_STORE} ufs-mount --list`);
      expect(listed.filter((line) => line.startsWith('ROOT'))).toHaveLength(1);
      expect(listed).toHaveLength(4);
    } finally {
      runTool('ufs-mount', ['--unmount', root], { env: toolEnv(env) });
    }
  });
});
