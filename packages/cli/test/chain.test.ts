import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AnyStep, encode, explain, type Plan, slot, step } from '@ctr-tools/plan';
import { readStatus } from '@ctr-tools/sys/proc';
import { afterAll, describe, expect, test } from 'vitest';
import { viewAfter } from '../src/chain.ts';
import type { Tool } from '../src/tool.ts';
import { runTool } from '../src/verbs.ts';
import { dirTool, hostOf, nameTool, pidTool, siblingsOf } from './fixtures.ts';

const dir = mkdtempSync(join(tmpdir(), 'ctr-chain-'));
for (const name of ['ns-enter', 'cg-limit', 'caps-drop']) writeFileSync(join(dir, name), '');
afterAll(() => rmSync(dir, { recursive: true }));

const launcher = join(dir, 'ns-enter');
const siblings = siblingsOf(nameTool as Tool, dirTool as Tool, pidTool as Tool);

async function plan(tool: unknown, ...argv: string[]): Promise<Plan> {
  const { name } = (tool as Tool).meta;
  const outcome = await runTool(tool as Tool, hostOf(name, argv, { launcher }), siblings);
  if (typeof outcome === 'number' || 'plan' in outcome) throw new Error('no plan');
  encode(outcome);
  return outcome;
}

const ops = (p: Plan): string[] => p.steps.map((s) => `${s.process} ${s.op}`);

describe('one tool', () => {
  test('sets and becomes the command, with nobody left behind', async () => {
    const p = await plan(nameTool, '--hostname', 'box', 'sh', '-c', 'exit 3');
    expect(explain(p)).toBe(
      '0  self       hostname name=box\n' +
        '1  self       setenv name=CTR_NAME value=box\n' +
        '2  self       close_others keep=[] directories=0\n' +
        '3  self       exec file=sh argv=[sh -c "exit 3"]\n',
    );
    expect(p.manner).toEqual({ tool: 'ns-enter', exit: 125 });
  });

  test('a cleanup keeps a parent', async () => {
    const p = await plan(dirTool, '--dir', '/x', 'true');
    expect(ops(p)).toEqual(['0 mkdir', '0 clone', '1 close_others', '1 exec', '0 await_exec', '0 supervise']);
    expect(p.steps[0]?.undo?.when).toBe('end');
    expect(p.processes).toBe(2);
  });

  test('a clone of its own is not doubled', async () => {
    expect(ops(await plan(pidTool, 'true'))).toEqual([
      '0 clone',
      '1 close_others',
      '1 exec',
      '0 await_exec',
      '0 supervise',
    ]);
  });
});

describe('a chain', () => {
  test('of siblings by bare name is one plan, in the order typed', async () => {
    const p = await plan(
      dirTool,
      '--',
      'ns-enter',
      '--hostname',
      'box',
      '--',
      'ns-enter',
      '-n',
      'inner',
      'true',
    );
    expect(ops(p)).toEqual([
      '0 mkdir',
      '0 clone',
      '0 await_exec',
      '0 supervise',
      '1 hostname',
      '1 setenv',
      '1 hostname',
      '1 setenv',
      '1 close_others',
      '1 exec',
    ]);
    expect(p.steps.at(-1)?.args).toMatchObject({ file: 'true', argv: ['true'] });
  });

  test('two that stay nest', async () => {
    const p = await plan(dirTool, '--dir', '/a', 'cg-limit', '--dir', '/b', 'true');
    expect(ops(p)).toEqual([
      '0 mkdir',
      '0 clone',
      '0 await_exec',
      '0 supervise',
      '1 mkdir',
      '1 clone',
      '2 close_others',
      '2 exec',
      '1 await_exec',
      '1 supervise',
    ]);
  });

  test('a word with a slash is always a file', async () => {
    const p = await plan(nameTool, launcher, '--hostname', 'x', 'true');
    expect(p.steps.at(-1)?.args).toMatchObject({
      file: launcher,
      argv: [launcher, '--hostname', 'x', 'true'],
    });
  });

  test('a sibling that is not installed here is looked up like any command', async () => {
    const p = await plan(nameTool, 'seccomp-load', 'default', '--', 'true');
    expect(p.steps.at(-1)?.args).toMatchObject({ file: 'seccomp-load' });
  });

  test.each([
    ['asks', ['ns-enter', '--show']],
    ['shows its help', ['ns-enter', '--help']],
    ['prints its plan', ['ns-enter', '--plan', 'true']],
    ['is called wrongly', ['ns-enter', '--bogus', 'true']],
    ['amends', ['ns-enter', '--hostname', 'x']],
  ])('a sibling that %s is launched for itself', async (_what, words) => {
    const p = await plan(nameTool, ...words);
    expect(ops(p)).toEqual(['0 close_others', '0 exec']);
    expect(p.steps[1]?.args).toMatchObject({ file: launcher, argv: words });
  });

  test("keeps the caller's descriptors, but no directory where the root is another's", async () => {
    const closing = async (change: AnyStep[]) => {
      const tool = { ...nameTool, steps: () => change } as Tool;
      const outcome = await runTool(
        tool,
        hostOf('ns-enter', ['true'], { launcher, fds: [0, 1, 2, 5, 9] }),
        siblings,
      );
      return (outcome as Plan).steps.find((s) => s.op === 'close_others')!.args;
    };
    const pivot = step('pivot', 'change_root', { root: 7 }, 'change the root');
    const join = (flags: number): AnyStep => step('join', 'setns', { fd: 7, flags }, 'join');
    const [NEWNS, NEWNET] = [0x20000, 0x40000000];
    expect(await closing([])).toEqual({ keep: [5, 9], directories: 0 });
    expect(await closing([join(NEWNET)])).toEqual({ keep: [5, 9], directories: 0 });
    for (const change of [pivot, join(NEWNS), join(0)])
      expect(await closing([change])).toEqual({ keep: [5, 9], directories: 1 });
  });

  test('a link sees the variables that the links before it set', async () => {
    const p = await plan(nameTool, '--hostname', 'box', '--', 'ns-enter', '--', 'true');
    expect(ops(p)).toEqual(['0 hostname', '0 setenv', '0 hostname', '0 setenv', '0 close_others', '0 exec']);
  });

  test('after a changed root the sibling is a copy of ours, made while the root is still the old one', async () => {
    const rooted = {
      ...nameTool,
      steps: () => [step('pivot', 'change_root', { root: 5 }, 'change the root')],
    };
    const p = await plan(rooted, 'ns-enter', '-n', 'x', 'true');
    expect(ops(p)).toEqual(['0 own_copy', '0 change_root', '0 close_others', '0 exec_own']);
    const [copy, , closed, executed] = p.steps.map(({ args }) => args);
    expect(closed).toMatchObject({ keep: [copy!.fd], directories: 1 });
    expect(executed).toEqual({ fd: copy!.fd, installed: '', argv: ['ns-enter', '-n', 'x', 'true'] });
    const file = await plan(rooted, '--', '/bin/ns-enter', 'true');
    expect(ops(file)).toEqual(['0 change_root', '0 close_others', '0 exec']);
  });

  test('after another user the sibling is launched by that user', async () => {
    const user = {
      ...nameTool,
      steps: () => [step('credentials', 'setuid', { uid: 65534 }, 'become nobody')],
    };
    const p = await plan(user, 'ns-enter', '-n', 'x', 'true');
    expect(p.steps.at(-1)?.args).toMatchObject({ file: launcher });
  });

  test('a tool that cannot decide after these links is launched', async () => {
    const asking = {
      ...nameTool,
      decidesAfter: (earlier: readonly { op: string }[]) => earlier.length === 0,
    };
    const outcome = await runTool(
      nameTool as Tool,
      hostOf('ns-enter', ['-n', 'a', 'ns-enter', '-n', 'b', 'true'], { launcher }),
      siblingsOf(asking as unknown as Tool),
    );
    expect(ops(outcome as Plan)).toEqual(['0 hostname', '0 setenv', '0 close_others', '0 exec']);
  });

  test('a tool that looks around is launched where an earlier link gave up what it would look with', async () => {
    const { effective, permitted, bounding, inheritable } = readStatus('self');
    const SYS_PTRACE = 1n << 19n;
    const less = (mask: bigint): bigint => mask & ~SYS_PTRACE;
    const sets = {
      effective: less(effective),
      permitted: less(permitted),
      inheritable: less(inheritable),
    };
    const giving = {
      ...nameTool,
      steps: () => [
        step('bounding', 'bounding', { keep: less(bounding) }, ''),
        step('capabilities', 'capset', sets, ''),
      ],
    } as unknown as Tool;
    const line = async (changed: Partial<Tool>): Promise<string[]> => {
      const host = hostOf('ns-enter', ['ns-enter', '-n', 'b', 'true'], { launcher, pid: process.pid });
      const sibling = { ...nameTool, ...changed } as unknown as Tool;
      return ops((await runTool(giving, host, siblingsOf(sibling))) as Plan);
    };
    const fused = ['0 bounding', '0 capset', '0 hostname', '0 setenv', '0 close_others', '0 exec'];
    expect(await line({ looksAround: () => false })).toEqual(fused);
    // Whoever runs this without the capability has none to give up.
    expect(await line({})).toEqual(
      effective & SYS_PTRACE ? ['0 bounding', '0 capset', '0 close_others', '0 exec'] : fused,
    );
  });

  test('a failure in a later link carries its name', async () => {
    const failing = {
      ...nameTool,
      gather: () => {
        throw new Error('no such profile');
      },
    } as unknown as Tool;
    const outcome = runTool(
      dirTool as Tool,
      hostOf('cg-limit', ['ns-enter', '-n', 'x', 'true'], { launcher }),
      siblingsOf(failing),
    );
    await expect(outcome).rejects.toMatchObject({ tool: 'ns-enter' });
  });

  test('--debug of any link is the debug of the plan', async () => {
    expect((await plan(nameTool, 'ns-enter', '--debug', 'true')).manner.debug).toBe(true);
  });
});

describe('the view after steps', () => {
  const host = hostOf('x', [], { env: new Map([['A', '1']]) });

  test('follows variables and umask', () => {
    const view = viewAfter(
      [
        step('environment', 'setenv', { name: 'B', value: '2' }, ''),
        step('environment', 'unsetenv', { name: 'C' }, ''),
        step('limits', 'umask', { mask: 0o77 }, ''),
      ],
      host,
    );
    expect([...view!.env]).toEqual([
      ['A', '1'],
      ['B', '2'],
    ]);
    expect(view!.umask).toBe(0o77);
    expect(view!.earlier).toHaveLength(3);
    expect([...host.env]).toEqual([['A', '1']]);
  });

  test('a replaced environment is the whole of it', () => {
    const view = viewAfter([step('environment', 'environ', { env: ['X=1', 'X=2', '=odd=3'] }, '')], host);
    expect([...view!.env]).toEqual([
      ['X', '1'],
      ['=odd', '3'],
    ]);
  });

  test.each([
    [
      'a variable known only later',
      step('environment', 'setenv', { name: 'R', value: slot('root.path') }, ''),
    ],
    ['a joined mount namespace', step('join', 'setns', { fd: 3, flags: 0x20000 }, '')],
    ['a joined namespace of whatever kind', step('join', 'setns', { fd: 3, flags: 0 }, '')],
    ['a new user namespace', step('unshare', 'unshare', { flags: 0x10000000 }, '')],
    ['another directory', step('cwd', 'chdir', { path: '/' }, '')],
    ['a directory that was open', step('cwd', 'chdir', { fd: 3 }, '')],
    ['another mount', step('mounts', 'mount', { target: '/x', type: 'proc', source: 'proc' }, '')],
    ['a label for the next exec', step('label', 'lsm_attr', { attr: 'exec', value: 'x' }, '')],
    ['a capability kept over a change of user alone', step('credentials', 'keep_caps', { on: 1 }, '')],
    ['another user', step('credentials', 'setuid', { uid: 1 }, '')],
  ])('%s cannot be known', (_what, s) => {
    expect(viewAfter([s], host)).toBeUndefined();
  });

  test('a fresh /proc tells the same of oneself', () => {
    const args = { target: '/proc', type: 'proc', source: 'proc' };
    expect(viewAfter([step('mounts', 'mount', args, '')], host)).toBeDefined();
  });

  test('mounts of the process outside are its own', () => {
    const args = { target: '/x', type: 'tmpfs', source: 'x' };
    expect(viewAfter([step('ready', 'mount', args, '', { side: 'host' })], host)).toBeDefined();
  });

  test('capabilities that an exec would change are not those that a planner would find', () => {
    const own = hostOf('x', [], { pid: process.pid });
    // Whoever runs this: root would get its bounding set, anybody else lose what is not ambient.
    const raised = { effective: 1, permitted: 3, inheritable: 0 };
    expect(viewAfter([step('capabilities', 'capset', raised, '')], own)).toBeUndefined();
    const kept = [
      step('bounding', 'bounding', { keep: 0 }, ''),
      step('capabilities', 'capset', { effective: 0, permitted: 0, inheritable: 0 }, ''),
      step('capabilities', 'ambient', { caps: 0 }, ''),
    ];
    expect(viewAfter(kept, own)).toBeDefined();
  });

  test('a joined network namespace changes nothing that a planner sees of files', () => {
    expect(viewAfter([step('join', 'setns', { fd: 3, flags: 0x40000000 }, '')], host)).toBeDefined();
  });
});
