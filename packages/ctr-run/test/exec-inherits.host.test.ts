/** What a process that is executed in a container shares with its first one, beside runc. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { Spec } from '@ctr-tools/oci';
import { describe, expect, test } from 'vitest';
import { needs, run, tempDir } from '../../../test/support.ts';
import { searchable } from './bundles.ts';
import { beside, call, commonBundle, whileThere } from './peers.ts';

const capabilities = ['CAP_KILL', 'CAP_NET_RAW'];
const change = (spec: Spec): void => {
  spec.process!.capabilities = {
    bounding: capabilities,
    effective: ['CAP_KILL'],
    permitted: ['CAP_KILL'],
    inheritable: capabilities,
  };
  spec.process!.user = { uid: 0, gid: 0, umask: 0o7, additionalGids: [5] };
  spec.process!.rlimits = [{ type: 'RLIMIT_NOFILE', soft: 333, hard: 444 }];
  spec.process!.oomScoreAdj = 77;
  spec.process!.noNewPrivileges = true;
  spec.process!.ioPriority = { class: 'IOPRIO_CLASS_BE', priority: 6 };
  spec.process!.scheduler = { policy: 'SCHED_BATCH', nice: 5 };
  if (process.arch === 'x64') spec.linux!.personality = { domain: 'LINUX32' };
};
const userNamespace = (spec: Spec): void => {
  change(spec);
  spec.linux!.namespaces!.push({ type: 'user' });
  spec.linux!.uidMappings = [{ containerID: 0, hostID: 100000, size: 65536 }];
  spec.linux!.gidMappings = [{ containerID: 0, hostID: 100000, size: 65536 }];
};

const line = `cut -d' ' -f19,41 /proc/self/stat; umask; cat /proc/self/oom_score_adj
grep -E 'Groups|NoNew|CapBnd|CapInh' /proc/self/status; grep 'open files' /proc/self/limits; /bin/busybox uname -m; /bin/busybox ionice`;

// runc reads the soft limit wrongly before 1.2, and has no personality in an exec before 1.2.
describe.each(beside({ runc: '1.3.6' }))('exec of %s', (runtime) => {
  test.each([
    ['', change],
    ['with a user namespace', userNamespace],
  ] as const)('has all that the first process has for itself %s', async (_, how) => {
    const seen = tempDir('seen');
    const bundle = commonBundle(['/bin/sh', '-c', `{ ${line}\n} >/seen/first; exec sleep 1000`], (spec) => {
      how(spec);
      spec.mounts!.push({ destination: '/seen', type: 'bind', source: seen, options: ['bind'] });
    });
    searchable(bundle);
    run('chmod', ['0777', seen]);
    if (how === userNamespace) run('chown', ['-R', '100000:100000', `${bundle}/rootfs`]);
    await whileThere(runtime, ['run', '--detach', '--bundle', bundle], async (id) => {
      const entered = call(runtime, ['exec', id, '/bin/sh', '-c', line]);
      const first = (): string => (existsSync(`${seen}/first`) ? readFileSync(`${seen}/first`, 'utf8') : '');
      await expect.poll(first).toMatch(/prio 6/);
      expect(entered.stdout).toBe(first());
      expect(entered.stdout).toContain('5 3\n0007\n77\n');
      if (process.arch === 'x64') expect(entered.stdout).toContain('\ni686\n');
    });
  });
});

describe.each(beside({ runc: '1.1' }))('exec --cap of %s', (runtime) => {
  test('is kept by a user other than root where the container’s inheritable set has it', async (context) => {
    needs(context, 'root');
    const ambient = (sets: string[]) =>
      commonBundle(['/bin/sleep', '1000'], (spec) => {
        change(spec);
        spec.process!.capabilities!.inheritable = sets;
      });
    const look = async (bundle: string) =>
      await whileThere(runtime, ['run', '--detach', '--bundle', bundle], (id) =>
        call(runtime, [
          'exec',
          '--cap',
          'CAP_NET_RAW',
          '--user',
          '5:5',
          id,
          '/bin/grep',
          'Cap',
          '/proc/self/status',
        ]),
      );
    const raw = (1 << 13).toString(16).padStart(16, '0');
    const inheritable = await look(ambient(capabilities));
    expect(inheritable.stdout).toContain(`CapEff:\t${raw}\n`);
    expect(inheritable.stdout).toContain(`CapAmb:\t${raw}\n`);
    const not = await look(ambient([]));
    expect(not.stdout).toMatch(/CapEff:\t0{16}\n/);
    expect(not.stdout).toMatch(/CapAmb:\t0{16}\n/);
  });
});

test('exec has the memory policy of the container', async (context) => {
  needs(context, 'root', 'file:/proc/self/numa_maps');
  const bundle = commonBundle(['/bin/sleep', '1000'], (spec) => {
    spec.linux!.memoryPolicy = { mode: 'MPOL_BIND', nodes: '0' };
  });
  const ended = await whileThere('ctr-run', ['run', '--detach', '--bundle', bundle], (id) =>
    call('ctr-run', ['exec', id, '/bin/head', '-1', '/proc/self/numa_maps']),
  );
  expect(ended.stdout).toContain('bind:0');
});

// crun makes a user of what --user says alone.
describe.each(beside({ runc: '1.1' }))('exec --user of %s', (runtime) => {
  test.for<[string[], string]>([
    [['--user', '7'], '7\n5\n5 8 9\n'],
    [['--user', '7:6'], '7\n6\n6 8 9\n'],
    [['--user', '7', '--additional-gids', '4'], '7\n5\n4 5 8 9\n'],
  ])('leaves what is not said the container’s: %j', async ([flags, ids], context) => {
    needs(context, 'root');
    const bundle = commonBundle(['/bin/sleep', '1000'], (spec) => {
      spec.process!.user = { uid: 1, gid: 5, additionalGids: [8, 9], umask: 0o27 };
    });
    await whileThere(runtime, ['run', '--detach', '--bundle', bundle], (id) => {
      const line = 'id -u; id -g; id -G | tr " " "\\n" | sort -n | tr "\\n" " "; echo; umask';
      const { stdout } = call(runtime, ['exec', ...flags, id, '/bin/sh', '-c', line]);
      const [uid, gid, groups, umask] = stdout.split('\n');
      expect(`${uid}\n${gid}\n${groups!.trim()}\n`).toBe(ids);
      // runc gives no exec the container's umask before 1.2.
      if (runtime === 'ctr-run') expect(umask).toBe('0027');
    });
  });
});

// runc refuses the whole exec before 1.2.
describe.each(beside({ runc: '1.2' }))('exec --process of %s', (runtime) => {
  test('leaves an oomScoreAdj that it may not lower', async (context) => {
    needs(context, 'root');
    const file = `${tempDir('process')}/process.json`;
    const args = ['/bin/cat', '/proc/self/oom_score_adj'];
    writeFileSync(file, JSON.stringify({ args, cwd: '/', user: { uid: 0, gid: 0 }, oomScoreAdj: -900 }));
    const bundle = commonBundle(['/bin/sleep', '1000']);
    await whileThere(runtime, ['run', '--detach', '--bundle', bundle], (id) => {
      const [, effective] = /^CapEff:\s*(\w+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))!;
      const resource = ((BigInt(`0x${effective}`) >> 24n) & 1n) === 1n;
      const own = readFileSync('/proc/self/oom_score_adj', 'utf8');
      expect(call(runtime, ['exec', '--process', file, id])).toMatchObject({
        status: 0,
        stdout: resource ? '-900\n' : own,
      });
    });
  });
});
