import { readFileSync, statSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { needs, run, runShell, runTool, skip, tempDir, toolPath } from '../../../test/support.ts';
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
    const stays = await unshared(['-Urnmpf', '--mount-proc'], { uid: 65534, gid: 65534 });
    const theirs = JSON.parse(run('lsns', ['-J', '-o', 'NS,TYPE,PID,USER,PNS,ONS']).stdout) as Shown;
    const ours = show();
    const compared: number[] = [];
    // Processes of others come and go meanwhile; namespaces with a process that stays are compared.
    for (const { ns, type, pid, user, pns, ons } of theirs.namespaces) {
      if (nsGone(pid, type)) continue;
      expect(ours.namespaces.find((n) => n.ns === ns)).toMatchObject({ ns, type, user, pns, ons });
      compared.push(ns);
    }
    for (const kind of ['user', 'net', 'mnt', 'pid'])
      expect(compared).toContain(Number(nsOf(stays, kind).replace(/\D/g, '')));
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

  test('a filter leaves what it leaves of lsns, read by the same language', async (context) => {
    needs(context, 'root', 'command:lsns', 'command:unshare');
    if (!run('lsns', ['--help']).stdout.includes('--filter'))
      skip(context, 'lsns has no --filter before util-linux 2.41');
    const pids = [await unshared(['-n']), await unshared(['-Urnm'], { uid: 65534, gid: 65534 })];
    const net = nsOf(pids[0]!, 'net').replace(/\D/g, '');
    for (const filter of [
      'NPROCS == 1',
      'NPROCS >= 1 and NPROCS < 2.5',
      `NS == ${net}`,
      `TYPE == "net" && NS != ${net}`,
      'TYPE =~ "^(net|mnt)$"',
      "TYPE !~ '[[:alpha:]]{4}'",
      'USER == "nobody" or (TYPE EQ "pid" AND true)',
      '!(TYPE == "net")',
      'ONS',
      'NS > 1M and PATH =~ "/net$"',
      'not NSFS',
    ]) {
      const pick = (stdout: string): string[] =>
        (JSON.parse(stdout || '{"namespaces":[]}') as Shown).namespaces
          .filter(({ pid }) => pids.includes(pid))
          .map(({ ns, type }) => `${type}:${ns}`)
          .sort();
      const line = ['-J', '-o', 'NS,TYPE,PID', '-Q', filter];
      expect([filter, pick(runTool('ns-enter', ['--show', ...line]).stdout)]).toEqual([
        filter,
        pick(run('lsns', line).stdout),
      ]);
    }
  });

  test('a filter chooses lines in every form of the list', async (context) => {
    needs(context, 'root', 'command:unshare');
    const pid = await unshared(['-n']);
    const net = Number(nsOf(pid, 'net').replace(/\D/g, ''));
    expect(show('--filter', `PID == ${pid} and TYPE == "net"`).namespaces.map(({ ns }) => ns)).toEqual([net]);
    const only = ['--noheadings', '--raw', '-o', 'NS'];
    const one = (...flags: string[]): string => runTool('ns-enter', ['--show', ...flags]).stdout;
    // The column need not be among those shown.
    expect(one(...only, '-Q', `PATH == "/proc/${pid}/ns/net"`)).toBe(`${net}\n`);
    expect(one(...only, '--tree', '-Q', `NS == ${net}`).trim()).toBe(String(net));
    const own = JSON.parse(
      runTool('ns-enter', [`--show=${pid}`, '--json', '-Q', 'NPROCS == 1']).stdout,
    ) as Shown;
    expect(own.namespaces.map(({ type }) => type)).toEqual(['net']);
    expect(
      runTool('ns-enter', ['--show', `net:[${net}]`, '-Q', `PID != ${pid}`, '--noheadings']).stdout,
    ).toBe('');
    const { status, stderr } = runTool('ns-enter', ['--show', '--filter', 'NPROC == 1']);
    expect([status, stderr]).toEqual([
      125,
      expect.stringContaining('there is no column NPROC; there are NS,'),
    ]);
    expect(runTool('ns-enter', ['--filter', 'NS', '--new', 'uts', 'true']).stderr).toContain(
      '--filter goes with --show',
    );
  });

  test('those without a process are asked for alone', (context) => {
    needs(context, 'root');
    const dir = `${tempDir('pinned')}/ns`;
    expect(runTool('ns-enter', ['--new', 'net', '--pin', dir, 'true']).status).toBe(0);
    try {
      const shown = show('--persistent').namespaces;
      expect(shown.some(({ held }) => held.some((h) => h.by === 'mount'))).toBe(true);
      expect(shown.filter(({ nprocs }) => nprocs > 0)).toEqual([]);
    } finally {
      runTool('ns-enter', ['--unpin', dir]);
    }
  });

  test('the columns are listed', () => {
    const { columns } = JSON.parse(runTool('ns-enter', ['--show', '--list-columns', '--json']).stdout) as {
      columns: { name: string; type: string; description: string }[];
    };
    expect(columns).toContainEqual({ name: 'NS', type: 'number', description: 'inode of the namespace' });
    const all = runTool('ns-enter', ['--show', '--output-all', '--raw']).stdout.split('\n')[0];
    expect(all).toBe(columns.map(({ name }) => name).join(' '));
    expect(runTool('ns-enter', ['--show', '-H']).stdout).toMatch(/^NAME +TYPE +DESCRIPTION\nNS +number/);
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

describe("lsns's habits", () => {
  test('-t, -n, -o, -p and an inode mean what they mean there', (context) => {
    needs(context, 'root', 'command:lsns');
    const inode = String(statSync('/proc/self/ns/net').ino);
    for (const [ours, theirs] of [
      [
        ['-t', 'net', '-n', '-o', 'NS,TYPE'],
        ['-t', 'net', '-n', '-o', 'NS,TYPE'],
      ],
      [
        ['-n', '-r', '-o', 'NS', '-t', 'user'],
        ['-n', '-r', '-o', 'NS', '-t', 'user'],
      ],
    ]) {
      const sorted = (text: string) =>
        text
          .split('\n')
          .map((line) => line.trim().replace(/ +/g, ' '))
          .filter(Boolean)
          .toSorted();
      const [own, peer] = [runTool('ns-enter', ['--show', ...ours!]), run('lsns', theirs!)];
      expect(own).toMatchObject({ status: 0, stderr: '' });
      // Namespaces without a process are known to us alone.
      expect(sorted(own.stdout)).toEqual(expect.arrayContaining(sorted(peer.stdout)));
    }
    const inside = (tool: string, words: string[]) =>
      run(tool, [...words, '-n', '-o', 'PID'])
        .stdout.split(/\s+/)
        .filter(Boolean);
    expect(inside('lsns', [inode])).toContain(String(process.pid));
    expect(inside(toolPath('ns-enter'), ['--show', inode])).toContain(String(process.pid));
    expect(runTool('ns-enter', ['--show', '-p', String(process.pid)]).stdout).toMatch(/^TYPE +NS +WHOSE/);
  });

  test.for([
    [['-S', '0'], '--setuid says how a command is run'],
    [['--hostname', 'x'], '--hostname says how a command is run'],
    [['-t', '1'], '--show 1: a process is named without --target'],
    [['4294967295'], 'there is no such namespace'],
  ] as const)('%j is refused by name', ([words, says]) => {
    const refused = runTool('ns-enter', ['--show', ...words]);
    expect(refused).toMatchObject({ status: 125, stdout: '' });
    expect(refused.stderr).toContain(says);
  });
});

test('no hint proposes the call that just failed', () => {
  expect(runTool('ns-enter', ['-H']).stderr).toBe('ns-enter: --list-columns goes with --show\n');
  expect(runTool('ns-enter', ['--loopback']).stderr).toBe(
    'ns-enter: --loopback brings up lo in a network namespace; add --new net\n',
  );
  expect(runTool('ns-enter', ['--new', 'net', '--loopback']).stderr).toContain(
    'it needs a command: ns-enter --new net --loopback -- $SHELL',
  );
});
