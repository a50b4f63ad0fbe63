import { expect, test } from 'vitest';
import { compile, encode, explain, inOrder, optionalSlot, peer, slot, step, undo } from '../src/index.ts';

const manner = { tool: 'test', exit: 125 };
const clone = (cgroup = optionalSlot('cgroup')) =>
  step(
    'clone',
    'clone',
    { process: 0, flags: 0x20000000, cgroup, pid: slot('child.pid'), pidfd: slot('child.pidfd') },
    'start the process',
    { side: 'host' },
  );

test('phases order the steps of one link and keep the given order within a phase', () => {
  const steps = [
    step('exec', 'exec', { file: 'true', argv: ['true'] }, 'run true'),
    step('session', 'umask', { mask: 0o22 }, 'first'),
    step('session', 'umask', { mask: 0o77 }, 'second'),
    step('cgroup', 'mkdir', { path: '/x', mode: 0o755 }, 'make /x', { side: 'host' }),
  ];
  expect(inOrder(steps).map((s) => s.op)).toEqual(['mkdir', 'umask', 'umask', 'exec']);
});

test('without a clone both sides are one process, and steps between them fall away', () => {
  const plan = compile(
    [
      [
        step('ready', 'notify', { process: peer, point: 5 }, 'say so'),
        step('ready', 'await', { process: peer, point: 5 }, 'wait', { side: 'host' }),
        step('exec', 'exec', { file: 'id', argv: ['id'] }, 'run id'),
      ],
    ],
    manner,
  );
  expect(explain(plan)).toBe('0  self       exec file=id argv=[id]\n');
});

test('each clone of a chain starts the next process, and each link is ordered by itself', () => {
  const plan = compile(
    [
      [clone(), step('running', 'await_exec', { process: peer }, 'wait', { side: 'host' })],
      [step('session', 'umask', { mask: 0 }, 'set the umask')],
      [clone(), step('exec', 'exec', { file: 'id', argv: ['id'] }, 'run id')],
    ],
    manner,
  );
  expect(plan.processes).toBe(3);
  expect(plan.steps.map((s) => `${s.process} ${s.op}`)).toEqual([
    '0 clone',
    '0 await_exec',
    '1 umask',
    '1 clone',
    '2 exec',
  ]);
  expect(plan.steps.map((s) => s.args.process)).toEqual([1, 1, undefined, 2, undefined]);
});

test('an optional slot that nobody fills is -1; a needed one is a mistake', () => {
  expect(compile([[clone()]], manner).steps[0]!.args.cgroup).toBe(-1);
  const lacking = [step('pivot', 'change_root', { root: slot('root') }, 'change the root')];
  expect(() => compile([lacking], manner)).toThrow('change_root uses the slot root before anything fills it');
});

test('the text of a plan shows flags by name, slots in braces and undoings', () => {
  const plan = compile(
    [
      [
        step('cgroup', 'mkdir', { path: '/a b', mode: 0o755 }, 'make it', {
          side: 'host',
          undo: undo('end', 'remove', { path: '/a b', what: 'directory' }, 'remove it'),
        }),
        clone(),
        step('bounding', 'bounding', { keep: 0x401 }, 'drop'),
        step('limits', 'prlimit', { resource: 7, soft: 0xffff_ffff_ffff_ffffn, hard: 5 }, 'limit', {
          unless: ['EPERM'],
        }),
      ],
    ],
    manner,
  );
  expect(
    explain(plan),
  ).toBe(`0  host       mkdir path="/a b" mode=0755   [undo at end: remove path="/a b" what=directory]
1  host       clone process=1 flags=NEWPID cgroup=-1 pid→{child.pid} pidfd→{child.pidfd}
2  container  prlimit pid=0 resource=RLIMIT_NOFILE soft=unlimited hard=5   [unless EPERM]
3  container  bounding keep=chown,net_bind_service
`);
});

test('an argument that is left out is its default, and one of a few values is a word', () => {
  const bind = step('mounts', 'bind', { target: '/a', source: '/b', make: 'like_source' }, 'bind');
  const kill = undo('end', 'kill', { pid: 7, signal: 9 }, 'kill it');
  expect(explain(compile([[{ ...bind, undo: kill }]], manner))).toBe(
    '0  self       bind root=-1 target=/a source=/b fd=-1 recursive=0 set=0 clear=0 propagation=0 ' +
      'userns=-1 make=like_source lift=0   [undo at end: kill pid=7 pidfd=-1 signal=SIGKILL]\n',
  );
});

test('a word and its number are the same plan; another word is a mistake', () => {
  const plan = (make: unknown) =>
    encode(
      compile([[step('mounts', 'mount', { target: '/a', source: 'a', make: make as 'file' }, 'x')]], manner),
    );
  expect(plan('directory')).toEqual(plan(1));
  expect(() => plan('folder')).toThrow('mount make has no value folder');
});
