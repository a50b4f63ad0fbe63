import { existsSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { needs, run, runTool } from '../../../test/support.ts';
import { type Maker, makeBundle, testId, tracesOf } from './bundles.ts';

const script = (lines: string): string[] => ['/bin/sh', '-c', lines];

/** What a container sees of itself; the same words under every runtime. */
const look = script(`
  echo "pid $$"
  hostname
  id
  pwd
  env | sort
  umask
  cat /proc/mounts | cut -d' ' -f2,3,4 | sed 's/,size=[0-9]*k//; s/,seclabel//; s/,inode64//' | grep -v ' overlay '
  ls -l /dev | tr -s ' ' | cut -d' ' -f1,3-6,10-
  stat -c '%n %a %u:%g' /dev /dev/pts /dev/shm /proc /sys
  grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status
  cat /proc/self/limits
  ip addr | grep -c 'LOOPBACK,UP'
  cat /proc/self/cgroup | cut -d: -f2,3 | sort
  for f in /proc/kcore /proc/keys /proc/timer_list /sys/firmware; do ls -ld $f | cut -d' ' -f1; done
  echo x > /proc/sys/kernel/hostname || echo proc/sys is read-only
  touch /x || echo the root is read-only
`);

const onHybrid = existsSync('/sys/fs/cgroup/unified/cgroup.procs');

/**
 * What has to be equal: all but the names of groups, and what lies over a hidden directory
 * (ours is stricter: nosuid, nodev, noexec, and nobody's to write). Of a hybrid machine's v2
 * only the group's own name: where cgroupsPath is not given the place is the runtime's choice
 * (config-linux.md, "Cgroups Path"). runc takes the root of that hierarchy (GetOwnCgroupPath
 * in its libcontainer/cgroups/v1_utils.go), which is nobody's to write in a delegated group; ours
 * is near the caller, as in every other hierarchy and as runc does it on v2 alone.
 */
const common = (text: string): string[] =>
  text
    .replace(/(\/ctr-run-|\/)ctr-test-\S+/g, '/GROUP')
    .replace(onHybrid ? /^:\/\S*(?=\/GROUP$)/gm : /(?!)/, ':')
    // runc 1.1 leaves the tmpfs around v1 groups writable, though the spec says ro.
    .replace(/^(\/sys\/fs\/cgroup tmpfs) rw,/gm, '$1 ro,')
    .replace(/^(\/proc\/(?:acpi|scsi|asound)|\/sys\/\S+) tmpfs ro,.*$/gm, '$1 hidden')
    .replace(/^drwxrwxrwt$/gm, 'drwxr-xr-x')
    .split('\n');

describe.each<Maker>(['runc', 'ctr-run'])('the spec that %s writes', (maker) => {
  test('gives the same container under runc and under ctr-run', (context) => {
    needs(context, 'root', 'command:runc');
    const bundle = makeBundle(look, undefined, maker);
    const theirs = run('runc', ['run', '--bundle', bundle, testId()]);
    const ours = runTool('ctr-run', ['run', '--bundle', bundle, testId()]);
    // runc 1.1 asks for ambient capabilities that its spec makes impossible, and says nothing of it.
    expect(ours.stderr.replace(/^ctr-run: warning: ambient capabilities .*\n/, '')).toBe(theirs.stderr);
    expect(common(ours.stdout)).toEqual(common(theirs.stdout));
    expect(ours.status).toBe(0);
  });
});

test('the exit code is the command’s own', (context) => {
  needs(context, 'root');
  const bundle = makeBundle(script('exit 42'));
  expect(runTool('ctr-run', ['run', '--bundle', bundle, testId()]).status).toBe(42);
});

test('a command that dies of a signal ends the run with 128 and its number', (context) => {
  needs(context, 'root');
  const bundle = makeBundle(
    script('sh -c \'kill -KILL $$\'; kill -s TERM 1; trap "exit 3" USR1; kill -USR1 1; sleep 1'),
  );
  expect(runTool('ctr-run', ['run', '--bundle', bundle, testId()]).status).toBe(3);
  const killed = makeBundle(script('ulimit -t 1; while :; do :; done'));
  expect(runTool('ctr-run', ['run', '--bundle', killed, testId()]).status).toBe(128 + 9);
});

test('user, groups, cwd, env and umask are those of the spec', (context) => {
  needs(context, 'root');
  const bundle = makeBundle(script('id -u; id -g; id -G; pwd; umask; echo "$A $HOME"'), (spec) => {
    spec.process!.user = { uid: 1000, gid: 1001, additionalGids: [7, 8], umask: 0o77 };
    spec.process!.cwd = '/home/user';
    spec.process!.env = ['PATH=/bin', 'A=one two'];
  });
  const ended = runTool('ctr-run', ['run', '--bundle', bundle, testId()]);
  expect(ended.stdout.split('\n').slice(0, 6)).toEqual([
    '1000',
    '1001',
    '1001 7 8',
    '/home/user',
    '0077',
    'one two /home/user',
  ]);
});

test('all five sets of capabilities are those of the spec', (context) => {
  needs(context, 'root');
  const sets = {
    bounding: ['CAP_KILL', 'CAP_CHOWN'],
    permitted: ['CAP_KILL'],
    effective: ['CAP_KILL'],
    inheritable: ['CAP_KILL'],
    ambient: ['CAP_KILL'],
  };
  const bundle = makeBundle(script('grep Cap /proc/self/status'), (spec) => {
    spec.process!.user = { uid: 1000, gid: 1000 };
    spec.process!.capabilities = sets;
  });
  const { stdout } = runTool('ctr-run', ['run', '--bundle', bundle, testId()]);
  const mask = (name: string) => BigInt(`0x${new RegExp(`${name}:\\s+([0-9a-f]+)`).exec(stdout)?.[1]}`);
  expect({
    inh: mask('CapInh'),
    prm: mask('CapPrm'),
    eff: mask('CapEff'),
    bnd: mask('CapBnd'),
    amb: mask('CapAmb'),
  }).toEqual({
    inh: 1n << 5n,
    prm: 1n << 5n,
    eff: 1n << 5n,
    bnd: (1n << 5n) | 1n,
    amb: 1n << 5n,
  });
});

test('a seccomp profile of the spec is in force', (context) => {
  needs(context, 'root');
  const bundle = makeBundle(script('mkdir /tmp/x; echo $?; grep Seccomp: /proc/self/status'), (spec) => {
    spec.root!.readonly = false;
    spec.linux!.seccomp = {
      defaultAction: 'SCMP_ACT_ALLOW',
      architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_AARCH64'],
      syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO', errnoRet: 28 }],
    };
  });
  const { stdout, stderr } = runTool('ctr-run', ['run', '--bundle', bundle, testId()]);
  expect(stderr).toContain('No space left on device');
  expect(stdout).toMatch(/^1\nSeccomp:\t2$/m);
});

test('limits of memory and processes hold inside', (context) => {
  needs(context, 'root');
  const bundle = makeBundle(
    script('(for i in $(seq 1 40); do sleep 2 & done) 2>&1 | grep -c fork; true'),
    (spec) => {
      spec.linux!.resources = { pids: { limit: 12 } };
    },
  );
  const forks = runTool('ctr-run', ['run', '--bundle', bundle, testId()]);
  expect(Number(forks.stdout)).toBeGreaterThan(0);
  const eater = makeBundle(script('dd if=/dev/zero of=/dev/null bs=200M count=1'), (spec) => {
    spec.linux!.resources = { memory: { limit: 32 << 20, swap: 32 << 20 } };
  });
  expect(runTool('ctr-run', ['run', '--bundle', eater, testId()]).status).toBe(137);
});

test('what a container held is gone when it ends', (context) => {
  needs(context, 'root');
  const id = testId();
  const bundle = makeBundle(['/bin/true']);
  expect(runTool('ctr-run', ['run', '--bundle', bundle, id]).status).toBe(0);
  expect(tracesOf(bundle, id)).toEqual([]);
});
