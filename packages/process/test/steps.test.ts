import { defaultSpec, type Spec } from '@ctr-tools/oci';
import { expect, test } from 'vitest';
import { type ProcessFacts, processSteps } from '../src/index.ts';
import { told } from './support/container.ts';

const apply: ProcessFacts = {
  mode: 'apply',
  keepFds: [],
  listenFds: 0,
  unprivileged: false,
  oomScoreAdj: 0,
  raised: [],
};
const oci: ProcessFacts = { ...apply, mode: 'oci', keyring: '_ses.c1' };

function specWith(process: Partial<Spec['process'] & object>, linux: Spec['linux'] = {}): Spec {
  return { ociVersion: '1.3.0', process: { cwd: '/', args: ['id'], ...process }, linux };
}

test("a chain's command is executed, and nothing else is done to it", () => {
  const spec: Spec = { ociVersion: '1.3.0', process: { cwd: '', args: ['ls', '-l'] } };
  expect(told(processSteps(spec, apply))).toMatchInlineSnapshot(`
    "exec          container exec file=ls argv=[ls -l]
    "
  `);
});

test('a chain that asks for settings gets these', () => {
  const spec = specWith({
    cwd: '/tmp',
    env: ['A=b=c'],
    user: { uid: 0, gid: 0, umask: 0o77 },
    oomScoreAdj: 5,
    rlimits: [{ type: 'RLIMIT_CORE', soft: 0, hard: 0 }],
  });
  expect(told(processSteps(spec, apply))).toMatchInlineSnapshot(`
    "limits        container proc_write path=self/oom_score_adj data=5
    limits        container umask mask=077
    limits        container prlimit pid=0 resource=RLIMIT_CORE soft=0 hard=0
    cwd           container chdir path=/tmp fd=-1 inside=0 entered=0
    environment   container setenv name=A value=b=c
    exec          container exec file=id argv=[id]
    "
  `);
});

test('the default container', async () => {
  await expect(told(processSteps(defaultSpec(), oci))).toMatchFileSnapshot('golden/default.txt');
});

test('everything at once, in a user namespace, waiting for start', async () => {
  const spec = specWith(
    {
      terminal: false,
      cwd: '/work',
      env: ['PATH=/bin', 'A=1', 'A=2', 'HOME='],
      user: { uid: 1000, gid: 1000, umask: 0o27 },
      oomScoreAdj: -5,
      rlimits: [
        { type: 'RLIMIT_NOFILE', soft: 10, hard: 2 ** 20 },
        { type: 'RLIMIT_CORE', soft: 0, hard: 18446744073709551615n },
      ],
      scheduler: { policy: 'SCHED_BATCH', nice: 3 },
      ioPriority: { class: 'IOPRIO_CLASS_BE', priority: 6 },
      execCPUAffinity: { initial: '0', final: '0-1' },
    },
    {
      namespaces: [{ type: 'user' }],
      memoryPolicy: { mode: 'MPOL_PREFERRED', nodes: '0' },
      personality: { domain: 'LINUX32' },
    },
  );
  const facts = { ...oci, awaitStart: true, listenFds: 1, keepFds: [3, 4, 5], raised: ['RLIMIT_NOFILE'] };
  await expect(told(processSteps(spec, facts))).toMatchFileSnapshot('golden/everything.txt');
});

test('exec into a container: no root to make a directory in, but CPUs before and after the cgroup', async () => {
  const spec = specWith({
    terminal: true,
    consoleSize: { height: 24, width: 80 },
    cwd: '/work',
    env: ['HOME=/x'],
    execCPUAffinity: { initial: '0', final: '1' },
  });
  await expect(told(processSteps(spec, { ...oci, exec: true }))).toMatchFileSnapshot('golden/exec.txt');
});

test('the host takes the OOM score on for the birth only, and without root opens its own files for that', () => {
  const steps = told(processSteps(specWith({ oomScoreAdj: 100 }), { ...oci, unprivileged: true }));
  expect(steps.split('\n').filter((l) => / host /.test(l))).toMatchInlineSnapshot(`
    [
      "descriptors   host      dumpable on=1",
      "descriptors   host      proc_write path=self/oom_score_adj data=100",
      "descriptors   host      dumpable on=0",
      "cgroup-join   host      dumpable on=1",
      "cgroup-join   host      proc_write path=self/oom_score_adj data=0",
      "cgroup-join   host      dumpable on=0",
    ]
  `);
  expect(told(processSteps(specWith({ oomScoreAdj: 0 }), oci))).not.toContain('oom_score_adj');
});

test.each<[string, Spec]>([
  ['process.args: there is no command to run', specWith({ args: [] })],
  ['process.cwd: "work" is not an absolute path', specWith({ cwd: 'work' })],
  ['environment variable "A": it is not NAME=VALUE', specWith({ env: ['A'] })],
  ['process.oomScoreAdj: 1001 is not between -1000 and 1000', specWith({ oomScoreAdj: 1001 })],
  [
    'process.rlimits: there is no resource limit "RLIMIT_X"',
    specWith({ rlimits: [{ type: 'RLIMIT_X', soft: 0, hard: 0 }] }),
  ],
  [
    'process.rlimits: RLIMIT_CPU is given twice',
    specWith({
      rlimits: [
        { type: 'RLIMIT_CPU', soft: 0, hard: 0 },
        { type: 'RLIMIT_CPU', soft: 0, hard: 0 },
      ],
    }),
  ],
  [
    'the soft RLIMIT_CPU of unlimited is above the hard one of 5',
    specWith({ rlimits: [{ type: 'RLIMIT_CPU', soft: -1, hard: 5 }] }),
  ],
])('%s', (message, spec) => {
  expect(() => processSteps(spec, oci)).toThrow(message);
});

test('a terminal is not for chains', () => {
  expect(() => processSteps(specWith({ terminal: true }), apply)).toThrow('is for containers');
});
