/** Learned profiles under every runtime, and other people's containers looked at. */
import { copyFileSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { defaultSpec, type LinuxSeccomp, parseJson, type Spec } from '@ctr-tools/oci';
import { capabilitiesOf, capabilityName } from '@ctr-tools/sys/constants';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  type Ended,
  needs,
  run,
  runTool,
  start,
  tempDir,
  toolPath,
  until,
  untilNobodyNames,
} from '../../../test/support.ts';
import { table } from '../src/abi.ts';
import { describeReturn } from '../src/actions.ts';
import { decode, type Instruction } from '../src/bpf/program.ts';
import { simulate, strictest } from '../src/bpf/simulator.ts';
import { parseCall } from '../src/call.ts';
import { compile } from '../src/compiler.ts';
import { normalize } from '../src/profile/normalize.ts';
import { select } from '../src/profile/select.ts';
import { validate } from '../src/profile/validate.ts';

const busybox = ['/bin/busybox', '/usr/bin/busybox'].find((path) => existsSync(path));
let dir: string;
let root: string;

beforeAll(() => {
  dir = tempDir('seccomp-containers');
  root = join(dir, 'root');
  for (const path of ['bin', 'proc', 'dev', 'sys']) mkdirSync(join(root, path), { recursive: true });
  if (!busybox) return;
  copyFileSync(busybox, join(root, 'bin/busybox'));
  for (const name of ['sh', 'ls', 'mkdir', 'sleep']) symlinkSync('busybox', join(root, 'bin', name));
});

let made = 0;

/** A bundle of a container that every runtime takes on every host. */
function bundle(
  args: readonly string[],
  seccomp: LinuxSeccomp,
  change: (spec: Spec) => void = () => {},
): string {
  const at = join(dir, `bundle-${made++}`);
  mkdirSync(at);
  const spec = defaultSpec();
  spec.ociVersion = '1.0.2';
  spec.root = { path: root, readonly: false };
  spec.process!.terminal = false;
  spec.process!.args = [...args];
  // Not every host lets every runtime set limits or lay cgroups out.
  delete spec.process!.rlimits;
  delete spec.linux!.resources;
  spec.mounts = spec.mounts!.filter(({ destination }) => destination !== '/sys/fs/cgroup');
  spec.linux!.namespaces = spec.linux!.namespaces!.filter(({ type }) => type !== 'cgroup');
  spec.linux!.seccomp = seccomp;
  change(spec);
  writeFileSync(join(at, 'config.json'), JSON.stringify(spec));
  return at;
}

/** crun takes no hybrid cgroups; in a mount namespace without the second hierarchy it sees none. */
const withoutUnified = [
  'unshare',
  '--mount',
  'sh',
  '-c',
  'umount /sys/fs/cgroup/unified 2>/dev/null; exec "$@"',
  'sh',
];

const runtimes: Record<string, readonly string[]> = {
  'ctr-run': [toolPath('ctr-run')],
  runc: ['runc'],
  crun: existsSync('/sys/fs/cgroup/unified') ? [...withoutUnified, 'crun'] : ['crun'],
};

function under(runtime: string, at: string): Ended {
  const [file, ...words] = runtimes[runtime]!;
  return run(file!, [...words, 'run', '--bundle', at, `ctr-test-seccomp-${process.pid}-${runtime}`]);
}

describe('a profile learned with --container', () => {
  const script = 'ls / >/dev/null && echo ran; mkdir /made';
  let learned: LinuxSeccomp;

  test('allows what was seen and what runtimes need', (context) => {
    needs(context, 'file:/bin/busybox');
    const file = join(dir, 'learned.json');
    const seen = ['sh', '-c', `${busybox} ls / >/dev/null && echo ran`];
    const ended = runTool('seccomp-load', ['--learn', file, '--container', '--', busybox!, ...seen]);
    expect(ended).toMatchObject({ status: 0, stdout: 'ran\n' });
    learned = JSON.parse(readFileSync(file, 'utf8')) as LinuxSeccomp;
    const names = learned.syscalls!.flatMap((rule) => rule.names);
    for (const name of ['capset', 'setgroups', 'getdents64', 'clone', 'futex']) expect(names).toContain(name);
    for (const name of ['mkdir', 'mkdirat', 'mount', 'unshare', 'socket']) expect(names).not.toContain(name);
    // Named once each, so that no rule hides another.
    const always = learned.syscalls!.filter((rule) => !rule.args).flatMap((rule) => rule.names);
    expect(new Set(always).size).toBe(always.length);
  });

  test.for(
    Object.keys(runtimes).flatMap((runtime) =>
      [true, false].flatMap((noNewPrivileges) => [0, 1000].map((uid) => ({ runtime, noNewPrivileges, uid }))),
    ),
  )('is enough under $runtime, noNewPrivileges $noNewPrivileges, user $uid, and no more', (one, context) => {
    needs(context, 'root', 'file:/bin/busybox');
    if (one.runtime !== 'ctr-run') needs(context, `command:${one.runtime}`);
    const at = bundle(['/bin/sh', '-c', script], learned, ({ process }) => {
      process!.noNewPrivileges = one.noNewPrivileges;
      process!.user = { uid: one.uid, gid: one.uid, additionalGids: [7] };
    });
    const ended = under(one.runtime, at);
    expect(ended.stdout).toBe('ran\n');
    expect(ended.stderr).toContain("mkdir: can't create directory '/made': Operation not permitted");
    expect(ended.status).toBe(1);
  });
});

describe('an agent that answers containers’ calls', () => {
  test.for(['ctr-run', 'runc'])('serves the listener that %s sends it', async (runtime, context) => {
    needs(context, 'root', 'file:/bin/busybox');
    if (runtime !== 'ctr-run') needs(context, `command:${runtime}`);
    const socket = join(dir, `${runtime}.sock`);
    const rules = join(dir, 'rules.json');
    const calls = [{ names: ['mkdir', 'mkdirat'], answer: { errno: 'EDQUOT' } }];
    writeFileSync(rules, JSON.stringify({ calls }));
    const agent = start(toolPath('seccomp-load'), ['--notify', rules, '--socket', socket]);
    await until('the agent listens', () => existsSync(socket), 30_000);
    const asking: LinuxSeccomp = {
      defaultAction: 'SCMP_ACT_ALLOW',
      listenerPath: socket,
      listenerMetadata: 'a test',
      syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_NOTIFY' }],
    };
    const ended = under(runtime, bundle(['/bin/mkdir', '/made'], asking));
    expect(ended).toMatchObject({
      status: 1,
      stdout: '',
      stderr: expect.stringMatching(/Disk quota exceeded/),
    });
    await until('it was logged', () => agent.output().stderr.includes('mkdir("/made", '), 5000);
    expect(agent.output().stderr).toMatch(/^\d+ mkdir\("\/made", 511, \S+\) = EDQUOT\n$/);
  });
});

/** What the filters that a process is under answer to a call, read back from the kernel. */
function verdicts(pid: number): (call: string) => number {
  const { stdout, stderr } = runTool('seccomp-load', [`--show=${pid}`, '--json']);
  expect(stderr).toBe('');
  const shown = JSON.parse(stdout) as { mode: string; programs: Instruction[][] };
  expect(shown.mode).toBe('filter');
  expect(shown.programs.length).toBeGreaterThan(0);
  return (call) => strictest(shown.programs.map((p) => simulate(p, parseCall(call, 'x86_64')).value));
}

/** The first call that the libseccomp of Debian 12, by which its runtimes compile, has no name for. */
const STATMOUNT = 457;

/** Every call by name that all here know, and some whose arguments matter. */
const calls = [
  ...[...table('x86_64').numbers]
    .filter(([name, nr]) => nr < STATMOUNT && name !== 'uretprobe')
    .map(([name]) => `${name}(0)`),
  ...[
    'clone(CLONE_NEWUSER)',
    'clone(CLONE_VM|SIGCHLD)',
    'socket(AF_VSOCK)',
    'socket(AF_INET)',
    'socket(AF_ALG)',
  ],
  ...['personality(ADDR_NO_RANDOMIZE)', 'personality(0xffffffff)', 'x86:mount(0)', 'x86:read(0)', '600(0)'],
];

/** Where the filters of a process answer otherwise than a profile; runc and crun compile theirs by libseccomp. */
function differences(pid: number, seccomp: LinuxSeccomp): string[] {
  const ask = verdicts(pid);
  const ours = decode(compile(normalize(seccomp, 'x86_64')));
  return calls.flatMap((call) => {
    const [loaded, meant] = [ask(call), simulate(ours, parseCall(call, 'x86_64')).value];
    return loaded === meant ? [] : [`${call}: ${describeReturn(loaded)}, not ${describeReturn(meant)}`];
  });
}

describe.skipIf(process.arch !== 'x64')('--show of a container that somebody else made', () => {
  test.for(['runc', 'ctr-run'])(
    '%s: its filter is read back, and answers as its profile',
    async (runtime, context) => {
      needs(context, 'root', 'file:/bin/busybox');
      if (runtime !== 'ctr-run') needs(context, `command:${runtime}`);
      const id = `ctr-test-seccomp-show-${process.pid}-${runtime}`;
      const input = '{"ociVersion":"1.0.2"}';
      const { seccomp } = (JSON.parse(runTool('seccomp-load', ['default'], { input }).stdout) as Spec).linux!;
      const pidFile = join(dir, `${runtime}.pid`);
      const [file] = runtimes[runtime]!;
      const at = bundle(['/bin/sleep', '60'], seccomp!);
      const going = start(file!, ['run', '--pid-file', pidFile, '--bundle', at, id]);
      try {
        await until('the container runs', () => isSleep(pidFile), 30_000);
        expect(differences(Number(readFileSync(pidFile, 'utf8')), seccomp!)).toEqual([]);
      } finally {
        run(file!, ['delete', '--force', id]);
        await going.ended;
      }
    },
  );

  test('podman: its filter is read back, and answers as podman’s profile', async (context) => {
    const profile = '/usr/share/containers/seccomp.json';
    needs(context, 'root', 'file:/bin/busybox', 'command:podman', 'command:runc', `file:${profile}`);
    // podman takes no long path here.
    const store = tempDir('podman');
    const own = [
      '--root',
      join(store, 'root'),
      '--runroot',
      join(store, 'run'),
      '--tmpdir',
      join(store, 'tmp'),
    ];
    const manner = ['--cgroup-manager', 'cgroupfs', '--storage-driver', 'vfs', '--events-backend', 'file'];
    const podman = (...args: string[]) =>
      run('podman', [...own, ...manner, '--runtime', 'runc', ...args], { timeout: 60_000 });
    const limits = ['--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=4096:4096'];
    const pidFile = join(dir, 'podman.pid');
    const name = `ctr-test-seccomp-${process.pid}`;
    const begun = podman(
      'run',
      '--detach',
      '--name',
      name,
      '--network',
      'none',
      '--pidfile',
      pidFile,
      ...limits,
      '--rootfs',
      root,
      '/bin/sleep',
      '60',
    ); // prettier-ignore
    try {
      expect([begun.status, begun.stderr]).toEqual([0, expect.any(String)]);
      await until('the container runs', () => isSleep(pidFile), 30_000);
      const pid = Number(readFileSync(pidFile, 'utf8'));
      const status = readFileSync(`/proc/${pid}/status`, 'latin1');
      const bounding = BigInt(`0x${/^CapBnd:\s*(\w+)/m.exec(status)![1]}`);
      const caps = new Set(capabilitiesOf(bounding).map(capabilityName));
      const { value: document } = validate(parseJson(readFileSync(profile), profile), profile);
      const seccomp = select(document, { abi: 'x86_64', caps, kernel: release() });
      expect(differences(pid, seccomp)).toEqual([]);
    } finally {
      podman('rm', '--force', '--time', '0', name);
      await untilNobodyNames(store);
    }
  });
});

function isSleep(pidFile: string): boolean {
  try {
    return readFileSync(`/proc/${readFileSync(pidFile, 'utf8').trim()}/comm`, 'latin1') === 'sleep\n';
  } catch {
    return false;
  }
}
