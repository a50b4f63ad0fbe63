/** Whole plans, from spec to text, without root: facts are plain data, so a machine is made up here. */
import type { ContainerContext } from '@ctr-tools/cli';
import { defaultSpec, rootlessSpec, type Spec } from '@ctr-tools/oci';
import { compile, explain } from '@ctr-tools/plan';
import { describe, expect, test } from 'vitest';
import {
  facts as cgroupFacts,
  v1Abilities,
  v1Group,
  v2Abilities,
  v2Group,
} from '../../cg-limit/test/fixtures.ts';
import { root as privileged, user } from '../../ns-enter/test/fixtures.ts';
import { factsOf as rootfsFacts } from '../../rootfs/test/support.ts';
import { type ContainerFacts, containerSteps } from '../src/container/compose.ts';
import type { Course, Making } from '../src/container/making.ts';
import { childPid, stateJson } from '../src/container/state-json.ts';

const ALL = (1n << 41n) - 1n;

const context: ContainerContext = {
  id: 'c1',
  bundle: '/bundle',
  directory: '/run/ctr-run/c1',
  lifetime: 'command',
  systemdCgroup: false,
  noPivot: false,
  noNewKeyring: false,
  preserveFds: 0,
  state: (status) =>
    stateJson({ id: 'c1', bundle: '/bundle' }, status, status === 'stopped' ? undefined : childPid),
};

const making = (spec: Spec, course: Course = 'foreground'): Making => ({
  spec,
  context: { ...context, lifetime: course === 'foreground' ? 'command' : 'kept' },
  course,
  root: '/run/ctr-run',
  created: '2026-01-01T00:00:00.000Z',
  owner: 0,
  keep: false,
  remove: [],
  time: false,
  specOnStdin: false,
});

const v1 = cgroupFacts(
  [v1Group(['memory']), v1Group(['cpu', 'cpuacct']), v1Group(['devices']), v1Group(['pids'])],
  v1Abilities,
);
const v2 = cgroupFacts([v2Group()], v2Abilities);
const hybrid = cgroupFacts(
  [v1Group(['memory']), v1Group(['cpu']), v1Group(['pids']), v1Group(['devices']), v2Group()],
  {
    ...v1Abilities,
    carriers: { ...v1Abilities.carriers, hugetlb: 2, unified: 2 },
  },
);

/** A machine with root and nothing special, and these cgroups. */
const machine = (cgroup: ContainerFacts['cgroup'], more: Partial<ContainerFacts> = {}): ContainerFacts => ({
  cgroup,
  namespaces: { caller: privileged, joins: [], inodes: {}, lastCapability: 40, procInRoot: false },
  delegation: undefined,
  layers: undefined,
  rootfs: rootfsFacts(),
  process: {
    mode: 'oci',
    keepFds: [],
    listenFds: 0,
    keyring: '_ses.c1',
    unprivileged: false,
    oomScoreAdj: 0,
    raised: [],
  },
  capabilities: {
    mode: 'oci',
    last: 40,
    current: {
      name: 'ctr-run',
      uids: [0, 0, 0, 0],
      gids: [0, 0, 0, 0],
      groups: [],
      noNewPrivs: false,
      inheritable: 0n,
      permitted: ALL,
      effective: ALL,
      bounding: ALL,
      ambient: 0n,
    } as unknown as ContainerFacts['capabilities']['current'],
    identity: {},
    setgroupsDenied: false,
  },
  label: undefined,
  filter: undefined,
  ...more,
});

const planText = (made: Making, facts: ContainerFacts): string =>
  explain(compile([containerSteps(made, facts)], { tool: 'ctr-run', exit: 1 }));

const limited = (): Spec => {
  const spec = defaultSpec();
  return {
    ...spec,
    process: { ...spec.process!, terminal: false },
    linux: {
      ...spec.linux,
      resources: {
        ...spec.linux!.resources,
        memory: { limit: 67108864 },
        cpu: { quota: 50000, period: 100000 },
        pids: { limit: 32 },
      },
    },
  };
};

describe('the plan of the default container with limits', () => {
  test.each([
    ['v1', v1],
    ['v2', v2],
    ['hybrid', hybrid],
  ])('on cgroup %s', async (name, cgroup) => {
    await expect(planText(making(limited()), machine(cgroup))).toMatchFileSnapshot(
      `golden/default-${name}.txt`,
    );
  });
});

test('create leaves the container waiting for start, with its terminal on the console socket', async () => {
  const made = {
    ...making(defaultSpec(), 'create'),
    consoleSocket: '/run/console.sock',
    pidFile: '/run/pid',
  };
  const facts = machine(v2);
  await expect(
    planText(made, { ...facts, process: { ...facts.process, awaitStart: true } }),
  ).toMatchFileSnapshot('golden/create-terminal.txt');
});

test('hooks stand where the specification wants them', async () => {
  const hook = (name: string) => [{ path: `/hooks/${name}`, args: [name], env: ['A=1'], timeout: 5 }];
  const spec: Spec = {
    ...limited(),
    hooks: {
      prestart: hook('prestart'),
      createRuntime: hook('createRuntime'),
      createContainer: hook('createContainer'),
      startContainer: hook('startContainer'),
      poststart: hook('poststart'),
      poststop: hook('poststop'),
    },
  };
  await expect(planText(making(spec), machine(v2))).toMatchFileSnapshot('golden/hooks.txt');
});

test('without root: a user namespace with one mapping, and no group', async () => {
  const spec = rootlessSpec({ uid: 1000, gid: 1000 });
  const facts = machine(cgroupFacts([], v2Abilities, { rootless: true }));
  const made = { ...making({ ...spec, process: { ...spec.process!, terminal: false } }), owner: 1000 };
  await expect(
    planText(made, {
      ...facts,
      namespaces: { ...facts.namespaces, caller: user },
      rootfs: rootfsFacts({ userNamespace: true }),
      process: { ...facts.process, unprivileged: true },
    }),
  ).toMatchFileSnapshot('golden/rootless.txt');
});

test('every step but the last of a foreground run has words, and what is made is undone', () => {
  const steps = containerSteps(making(limited()), machine(v2));
  for (const step of steps) expect(step.words.doing, step.op).not.toBe('');
  const makers = steps.filter((s) => s.op === 'mkdir' && s.side === 'host');
  expect(makers.length).toBeGreaterThan(0);
  for (const step of makers) expect(step.undo, JSON.stringify(step.args)).toBeDefined();
});
