import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { needs, run, runShell, runTool } from '../../../test/support.ts';
import { nsOf, unshared } from './support.ts';

interface Shown {
  namespaces: {
    ns: number;
    type: string;
    nprocs: number;
    pid: number;
    user: string;
    ons: number;
    pns: number;
    held: { by: string; pid?: number }[];
    children?: Shown['namespaces'];
  }[];
}

const show = (...flags: string[]): Shown =>
  JSON.parse(runTool('ns-enter', ['--show', '--json', ...flags]).stdout) as Shown;

describe('--show', () => {
  test('lists what lsns lists, with the same owners and parents', async (context) => {
    needs(context, 'root', 'command:lsns', 'command:unshare');
    await unshared(['-Urnmpf', '--mount-proc'], { uid: 65534, gid: 65534 });
    const theirs = JSON.parse(run('lsns', ['-J', '-o', 'NS,TYPE,PID,USER,PNS,ONS']).stdout) as Shown;
    const ours = show();
    // Processes of others come and go meanwhile; namespaces with a process that stays are compared.
    for (const { ns, type, pid, user, pns, ons } of theirs.namespaces) {
      const found = ours.namespaces.find((n) => n.ns === ns);
      if (!found && nsGone(pid, type)) continue;
      expect(found).toMatchObject({ ns, type, user, pns, ons });
    }
  });

  test('tells who holds a namespace by a descriptor, and who for children', async (context) => {
    needs(context, 'root', 'command:unshare', 'command:bash');
    const pid = await unshared(['-n']);
    const net = Number(/\d+/.exec(nsOf(pid, 'net'))![0]);
    const { stdout } = runShell(
      `exec bash -c 'exec 5</proc/${pid}/ns/net; echo $$; ns-enter --show --json --type net'`,
    );
    const [holder, ...rest] = stdout.split('\n');
    const found = (JSON.parse(rest.join('\n')) as Shown).namespaces.find(({ ns }) => ns === net);
    expect(found?.held).toContainEqual({ by: 'descriptor', pid: Number(holder), fd: 5 });
    const forked = await unshared(['-pf']);
    const pids = Number(/\d+/.exec(nsOf(forked, 'pid'))![0]);
    const parent = Number(/\) [A-Z] (\d+)/.exec(readFileSync(`/proc/${forked}/stat`, 'latin1'))![1]);
    expect(show('--type', 'pid').namespaces.find(({ ns }) => ns === pids)?.held).toEqual([
      { by: 'children', pid: parent },
    ]);
  });

  test('draws user namespaces over what they own', async (context) => {
    needs(context, 'root', 'command:unshare');
    const pid = await unshared(['-Urn'], { uid: 65534, gid: 65534 });
    const [user, net] = ['user', 'net'].map((kind) => Number(/\d+/.exec(nsOf(pid, kind))![0]));
    const text = runTool('ns-enter', ['--show', '--tree', '-o', 'NS,TYPE']).stdout;
    expect(text).toMatch(new RegExp(`[├└]─${user} +user\\n[│ ] └─${net} +net`));
    const first = show('--tree', '-o', 'NS,TYPE').namespaces.find((n) =>
      n.children?.some((c) => c.ns === user),
    );
    expect(first?.type).toBe('user');
  });

  test('columns, kinds and headings are chosen', () => {
    expect(runTool('ns-enter', ['--show', '-o', 'type,ns', '--type', 'uts', '--raw']).stdout).toMatch(
      /^TYPE NS\nuts \d+\n/,
    );
    expect(runTool('ns-enter', ['--show', '-o', 'TYPE', '--type', 'uts', '--noheadings']).stdout).toMatch(
      /^(uts\n)+$/,
    );
    const { status, stderr } = runTool('ns-enter', ['--show', '-o', 'NOPE']);
    expect([status, stderr]).toEqual([
      125,
      expect.stringContaining('there is no column NOPE; there are NS, TYPE'),
    ]);
  });

  test('self is the caller, and no planner is among what it sees', () => {
    const { stdout } = runShell('exec ns-enter --show=self --json');
    const shown = JSON.parse(stdout) as { pid: number; command: string };
    expect(shown.command).toMatch(/ns-enter/);
    expect(runTool('ns-enter', ['--show=4194304']).stderr).toBe(
      'ns-enter: --show 4194304: there is no such process\n',
    );
  });

  test('a closed pipe ends it quietly', () => {
    expect(runShell('ns-enter --show | head -1 >/dev/null')).toMatchObject({ status: 0, stderr: '' });
  });
});

function nsGone(pid: number, type: string): boolean {
  try {
    nsOf(pid, type);
    return false;
  } catch {
    return true;
  }
}
