/**
 * A fault at every step of a plan: the step fails, or its process is killed there. Afterwards the same command runs
 * again, or `delete --force` removes what there is, and nothing is left.
 */
import { existsSync, mkdirSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ctrLeaving, makeBundle, searchable, testId } from '../packages/ctr-run/test/bundles.ts';
import { busyboxEntries, layout, tar } from '../packages/ufs-mount/test/archives.ts';
import { carryOut, type Fault, left, nothingLeft, type Planned, planOf } from './faults.ts';
import { lacking, needs, runTool, slower, start, tempDir, toolEnv, toolPath, until } from './support.ts';

type Spec = Parameters<NonNullable<Parameters<typeof makeBundle>[1]>>[0];

/** Where each start takes a second a part of the steps has to do; the host takes them all. */
const every = slower > 1 ? 7 : 1;
const LONG = (lacking('asked') === undefined ? 1_200_000 : 300_000) * slower;

type Mode = Fault['mode'];
const both: readonly Mode[] = ['fail', 'die'];
/** Of the largest specs one half is left to who asks. */
const half = (mode: Mode): readonly Mode[] => (lacking('asked') === undefined ? both : [mode]);

function faultsOf(plan: Planned, modes = both): Fault[] {
  const all = Array.from({ length: plan.rows }, (_, step) => step).filter((step) => step % every === 0);
  return modes.flatMap((mode) => all.map((step) => ({ step, mode })));
}

const nameOf = (plan: Planned, { step, mode }: Fault): string =>
  `${mode} at ${step} of ${plan.steps.length} (${plan.steps[step]?.op ?? 'an undoing'}: ${plan.steps[step]?.words.doing ?? ''})`;

/** All that a spec of an engine has, and more of it than any. */
const rich = (spec: Spec): void => {
  const hook = { path: '/bin/true' };
  Object.assign(spec, {
    hooks: {
      prestart: [hook],
      createRuntime: [hook],
      createContainer: [hook],
      startContainer: [hook],
      poststart: [hook],
      poststop: [hook],
    },
    annotations: { a: 'b' },
    domainname: 'faults',
  });
  Object.assign(spec.process!, { oomScoreAdj: 100, ioPriority: { class: 'IOPRIO_CLASS_IDLE', priority: 0 } });
  Object.assign(spec.linux!, {
    resources: {
      ...spec.linux!.resources,
      memory: { limit: 64 << 20 },
      pids: { limit: 50 },
      cpu: { shares: 512, quota: 50_000, period: 100_000 },
    },
    sysctl: { 'net.ipv4.ip_unprivileged_port_start': '80' },
    rootfsPropagation: 'private',
    seccomp: { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: ['swapon'], action: 'SCMP_ACT_ERRNO' }] },
    devices: [{ path: '/dev/fuse', type: 'c', major: 10, minor: 229, fileMode: 0o666 }],
  });
  spec.mounts!.push(
    { destination: '/mnt/bound', source: '/usr', options: ['bind', 'ro'] },
    { destination: '/etc', type: 'tmpfs', source: 'tmpfs', options: ['tmpcopyup'] },
  );
};

const apart = (spec: Spec): void => {
  spec.linux!.namespaces!.push({ type: 'user' });
  spec.linux!.uidMappings = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
  spec.linux!.gidMappings = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
};

const remove = (id: string) => runTool('ctr-run', ['delete', '--force', id]);
const fine = { status: 0, stderr: '' };

/** A bundle whose limits this machine's root may set, and whoever may walk there. */
function bundleOf(args: readonly string[], change: (spec: Spec) => void = () => {}): string {
  const bundle = makeBundle(args, (spec) => {
    spec.process!.rlimits = [];
    change(spec);
  });
  searchable(bundle);
  return bundle;
}

/** Carry the plan out with each fault; what `clean` does not have to do is done when the launcher ends. */
async function eachFault(
  plan: Planned,
  marks: readonly string[],
  clean: (at: string) => void,
  modes = both,
): Promise<void> {
  expect(carryOut(plan)).toMatchObject(fine);
  clean('none');
  for (const fault of faultsOf(plan, modes)) {
    const at = nameOf(plan, fault);
    const { status, stderr } = carryOut(plan, fault);
    // What is only undone once a command has ended is not reached by all; nor are steps that may fail.
    const forward = fault.mode === 'fail' && fault.step < plan.steps.length && status !== 0;
    if (forward) expect(stderr, at).toContain(`fault asked for at step ${fault.step}`);
    if (!forward) clean(at);
    await nothingLeft(`after ${at}`, ...marks, plan.file);
  }
  expect(carryOut(plan)).toMatchObject(fine);
  clean('none');
  await nothingLeft('at the end', ...marks, plan.file);
}

describe.each([
  ['the default spec', () => {}, both],
  // The other half of it is under create.
  ['the largest spec', rich, half('fail')],
  ['a user namespace', apart, both],
] as const)('run, %s', (_name, change, modes) => {
  test(
    'leaves nothing, or what delete removes',
    async (context) => {
      needs(context, 'root');
      const id = testId();
      const bundle = bundleOf(['/bin/true'], change);
      const plan = await planOf('ctr-run', ['run', '--bundle', bundle, id]);
      await eachFault(
        plan,
        [id, bundle],
        (at) => {
          if (left(id).length > 0) expect(remove(id), at).toMatchObject(fine);
        },
        modes,
      );
    },
    LONG,
  );
});

test(
  'create, at any step, leaves nothing, or what delete removes',
  async (context) => {
    needs(context, 'root');
    const id = testId();
    const bundle = bundleOf(['/bin/true'], rich);
    const plan = await planOf('ctr-run', ['create', '--bundle', bundle, id]);
    await eachFault(
      plan,
      [id, bundle],
      (at) => {
        if (left(id).length > 0) expect(remove(id), at).toMatchObject(fine);
      },
      half('die'),
    );
  },
  LONG,
);

test(
  'exec leaves the container as it was',
  async (context) => {
    needs(context, 'root');
    const id = testId();
    expect(ctrLeaving('run', '-d', '--bundle', bundleOf(['/bin/sleep', '1000'], rich), id)).toMatchObject(
      fine,
    );
    const plan = await planOf('ctr-run', ['exec', id, '/bin/true']);
    const pids = () => JSON.parse(runTool('ctr-run', ['ps', '--format', 'json', id]).stdout) as number[];
    const before = left(id).sort();
    const alone = pids();
    for (const fault of faultsOf(plan)) {
      const at = nameOf(plan, fault);
      carryOut(plan, fault);
      await until(`nobody is left after ${at}`, () => left(plan.file).length === 0 && same(pids(), alone));
      expect(left(id).sort(), at).toEqual(before);
    }
    expect(carryOut(plan)).toMatchObject(fine);
    expect(remove(id)).toMatchObject(fine);
    await nothingLeft('at the end', id);
  },
  LONG,
);

const same = (a: readonly number[], b: readonly number[]): boolean => a.join() === b.join();

describe.each(['start', 'delete'])('%s', (command) => {
  test(
    'at every step, once more or delete --force does it',
    async (context) => {
      needs(context, 'root');
      const id = testId();
      const bundle = bundleOf(['/bin/sleep', '1000'], rich);
      const create = await planOf('ctr-run', ['create', '--bundle', bundle, id]);
      const words = command === 'start' ? ['start', id] : ['delete', '--force', id];
      let rows = 1;
      for (let step = 0; step < rows; step += every) {
        for (const mode of ['fail', 'die'] as const) {
          expect(carryOut(create)).toMatchObject(fine);
          const plan = await planOf('ctr-run', words);
          rows = plan.rows;
          const at = nameOf(plan, { step, mode });
          carryOut(plan, { step, mode });
          if (command === 'start' && stateOf(id) === 'created')
            expect(runTool('ctr-run', words), at).toMatchObject(fine);
          expect(remove(id), at).toMatchObject(fine);
          await nothingLeft(`after ${at}`, id, bundle, create.file, plan.file);
        }
      }
    },
    LONG,
  );
});

const stateOf = (id: string): string | undefined =>
  (JSON.parse(runTool('ctr-run', ['state', id]).stdout || '{}') as { status?: string }).status;

describe('cg-limit', () => {
  test(
    'with a command',
    async (context) => {
      needs(context, 'root');
      const group = `/ctr-test-${process.pid}-fault`;
      const plan = await planOf('cg-limit', [
        '--cgroup',
        group,
        '-m',
        '64M',
        '--pids-limit',
        '9',
        '--cpus',
        '1',
        '--',
        'true',
      ]);
      await eachFault(plan, [group.slice(1)], (at) => {
        if (left(group.slice(1)).length === 0) return;
        // Whoever was started there may be on its way out.
        runTool('cg-limit', ['--kill', group]);
        expect(runTool('cg-limit', ['--remove', group]), at).toMatchObject(fine);
      });
    },
    LONG,
  );

  test(
    '--update changes all, or nothing',
    async (context) => {
      needs(context, 'root');
      const group = `/ctr-test-${process.pid}-update`;
      const staying = start(toolPath('cg-limit'), [
        '--cgroup',
        group,
        '-m',
        '64M',
        '--pids-limit',
        '9',
        '--',
        'sleep',
        '1000',
      ]);
      const limits = () =>
        runTool('cg-limit', [`--show=${group}`, '--json']).stdout.match(/"limit": .*/g) ?? [];
      await until('it runs', () => limits().length > 0 && left(group.slice(1)).length > 0);
      const plan = await planOf('cg-limit', [
        '--update',
        group,
        '-m',
        '128M',
        '--memory-swap',
        '128M',
        '--pids-limit',
        '19',
        '--cpus',
        '2',
      ]);
      const before = limits();
      for (const fault of faultsOf(plan).filter(
        ({ step, mode }) => mode === 'fail' && step < plan.steps.length,
      )) {
        const at = nameOf(plan, fault);
        const { status } = carryOut(plan, fault);
        if (plan.steps[fault.step]!.op === 'exit') continue;
        expect([at, status, limits()]).toEqual([at, status, before]);
      }
      expect(carryOut(plan)).toMatchObject(fine);
      expect(limits()).not.toEqual(before);
      staying.child.kill('SIGTERM');
      await staying.ended;
      await nothingLeft('at the end', group.slice(1));
    },
    LONG,
  );
});

test(
  'ns-enter --pin pins all, or nothing, or what --unpin takes away',
  async (context) => {
    needs(context, 'root');
    const at = join(tempDir('pins'), `pins-${process.pid}`);
    const words = ['--new', 'net,uts,ipc,mount,pid', '--pin', at];
    const plan = await planOf('ns-enter', [...words, '--', 'true']);
    await eachFault(plan, [at], (step) => {
      if (existsSync(at) && readdirSync(at).length > 0)
        expect(runTool('ns-enter', ['--unpin', at]), step).toMatchObject(fine);
      // Killed before it had written that it made the directory, it leaves an empty one.
      if (existsSync(at)) rmdirSync(at);
    });
    expect(existsSync(at)).toBe(false);
  },
  LONG,
);

test(
  'ufs-mount leaves no mount, and a store in which the same goes again',
  async (context) => {
    needs(context, 'root');
    const image = layout([tar(busyboxEntries()), tar([{ name: 'second', data: 'x' }])]);
    const env = { ...toolEnv(), CTR_STORE: tempDir('store') };
    const words = [`oci:${image}:3`, '--', '/bin/sh', '-c', ':'];
    const cold = await planOf('ufs-mount', words, env);
    const marks = [env.CTR_STORE, image];
    for (const fault of faultsOf(cold)) {
      const at = nameOf(cold, fault);
      rmSync(env.CTR_STORE, { recursive: true, force: true });
      mkdirSync(env.CTR_STORE);
      carryOut(cold, fault, env);
      await nothingLeft(`after ${at}`, ...marks, cold.file);
      expect(runTool('ufs-mount', words, { env }), at).toMatchObject(fine);
    }
    await nothingLeft('at the end', ...marks);
    // What a fault left of layers is taken away too, when it is not used any more.
    expect(runTool('ufs-mount', ['--gc'], { env }).status).toBe(0);
  },
  LONG,
);
