/** What a container has that `run` made, and what it has when `restore` made it again: the same. */
import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import type { Spec } from '@ctr-tools/oci';
import { afterEach, expect, type TestContext, test } from 'vitest';
import { type Ended, needs, run, skip, tempDir, toolPath } from '../../../test/support.ts';
import { here, type Machine, systemdMachine } from '../../../test/systemd.ts';
import { makeBundle, searchable, testId } from './bundles.ts';

function needsCriu(context: TestContext): void {
  needs(context, 'root', 'command:criu');
  const check = run('criu', ['check']);
  if (check.status !== 0) skip(context, `criu check: ${check.stderr.trim().split('\n')[0]}`);
}

/** All that is compared of a process, from outside: `LOOK PID`. A time namespace is criu's, so that clocks go on. */
const look = `
cd /proc/$1 || exit 1
cat cgroup limits oom_score_adj
grep -E '^(Cap|NoNew|Seccomp|Uid|Gid|Groups|Umask)' status
for name in cgroup ipc mnt net pid user uts; do
  [ "$(readlink ns/$name)" = "$(readlink /proc/self/ns/$name)" ] && echo "$name: ours" || echo "$name: its own"
done
cut -d' ' -f4-6 mountinfo | sort
cat attr/current 2>/dev/null
while read -r _ _ _ root at _; do
  for kind in memory pids cpu cpuset devices hugetlb unified; do
    case $at in */$kind) ;; /sys/fs/cgroup) [ $kind = unified ] || continue ;; *) continue ;; esac
    path=$(awk -F: -v kind=$kind '$2 == kind || (kind == "unified" && $1 == 0) {print $3}' cgroup)
    for file in "$at$path"/*; do
      case $file in *max|*limit*|*weight|*shares|*quota*|*period*|*.cpus|*.mems|*.high|*.low|*.min|*.list)
        case $file in *usage*|*max_usage*|*peak) continue ;; esac
        [ -r "$file" ] && echo "\${file##*/}: $(cat "$file" 2>&1)" ;;
      esac
    done
  done
done </proc/self/mountinfo
`;

/** A container that does what it finds in a directory of ours, and says what came of it. */
const obeying = `while :; do [ -e /probe/go ] && { sh /probe/go >/probe/said 2>&1; mv /probe/go /probe/done; }; sleep 0.1; done`;

const refused = /^(?!.*opened).*(?:can't create|Operation not permitted|can't open).*tried\n$/s;

const made: (() => void)[] = [];
afterEach(() => {
  for (const end of made.splice(0)) end();
});

/** The minor number of a device that anybody may open, but no container (major number 10, misc). */
function someDevice(context: TestContext): number {
  const found = /^ *(\d+) (?:fuse|loop-control)$/m.exec(readFileSync('/proc/misc', 'utf8'));
  if (!found) skip(context, 'the kernel has neither fuse nor loop devices');
  return Number(found[1]);
}

interface Case {
  what: string;
  /** Under a systemd, which sees v2 alone, or on the machine as it is. */
  machine?: 'systemd';
  flags?: readonly string[];
  path?: (id: string) => string;
  mode?: string;
  change?: (spec: Spec, bundle: string) => void;
}

const byFiles = (id: string): string => `/ctr-test-restored/${id}`;
/** A container that does what its first process finds in a directory of ours, and says what came of it. */
function containerOf(
  machine: Machine,
  { flags = [], path = byFiles, change = () => {} }: Case,
  device: number,
) {
  const [id, probe, images] = [testId(), tempDir('probe'), tempDir('images')];
  const bundle = makeBundle(['/bin/sh', '-c', obeying], () => {}, 'runc');
  const config = `${bundle}/config.json`;
  const spec = JSON.parse(readFileSync(config, 'utf8')) as Spec;
  demand(spec, machine, probe);
  spec.linux!.cgroupsPath = path(id);
  change(spec, bundle);
  writeFileSync(config, JSON.stringify(spec));
  chmodSync(probe, 0o777);
  const tell = (...argv: string[]) =>
    machine.run(toolPath('ctr-run'), [...flags, ...argv], { timeout: 120_000 });
  const fine = (ended: Pick<Ended, 'status' | 'stderr'>): void =>
    expect(ended).toMatchObject({ status: 0, stderr: '' });
  /** The container keeps its standard descriptors, which are to be nobody's pipe. */
  const leaving = (...argv: string[]): void => {
    const out = `${probe}/out`;
    const line = 'out=$1; shift; touch "$out"; chmod 666 "$out"; exec "$@" </dev/null >>"$out" 2>&1';
    const all = ['-c', line, 'sh', out, toolPath('ctr-run'), ...flags, ...argv];
    const { status } = machine.run('/bin/sh', all, { timeout: 120_000 });
    expect(status, readFileSync(out, 'utf8')).toBe(0);
  };
  /** What its first process gets from a line of shell. */
  const asked = (line: string): string => {
    const script = [
      `echo '${line}' >${probe}/new; mv ${probe}/new ${probe}/go`,
      `while [ -e ${probe}/go ]; do sleep 0.05; done; cat ${probe}/said`,
    ];
    return machine.run('/bin/sh', ['-c', script.join('\n')]).stdout;
  };
  const reading = `mknod /probe/$$ c 10 ${device} && (: </probe/$$) && echo opened; echo tried`;
  made.push(() => void tell('delete', '--force', id));
  return {
    id,
    asked,
    run: () => leaving('run', '--detach', '--bundle', bundle, id),
    checkpoint: (...more: string[]) => fine(tell('checkpoint', '--image-path', images, ...more, id)),
    restore: (...more: string[]) =>
      leaving('restore', '--detach', '--image-path', images, '--bundle', bundle, ...more, id),
    delete: () => fine(tell('delete', '--force', id)),
    seen: (): string[] => {
      const { pid } = JSON.parse(tell('state', id).stdout) as { pid: number };
      const told = machine.run('/bin/sh', ['-c', look, 'look', String(pid)]);
      expect(told.stderr).toBe('');
      // criu 4 gives a process without supplementary groups its own one.
      return told.stdout.replace(/^Groups:\t0 $/m, 'Groups:\t ').split('\n');
    },
    /** Whether its first process, one that is executed in it, and somebody whom no filter holds open the device. */
    reads: () => asked(reading),
    exec: () => tell('exec', id, '/bin/sh', '-c', reading).stdout,
    control: () => machine.run('/bin/sh', ['-c', reading.replaceAll('/probe', probe)]).stdout,
  };
}

/** Something of each kind that a container can be given. */
function demand(spec: Spec, machine: Machine, probe: string): void {
  const linux = spec.linux!;
  const limited = /memory/.test(
    machine.run('cat', ['/proc/self/cgroup', '/sys/fs/cgroup/cgroup.controllers']).stdout,
  );
  const resources = { memory: { limit: 64 << 20 }, pids: { limit: 33 }, cpu: { shares: 300 } };
  linux.resources = {
    ...linux.resources,
    ...(limited && (machine === here || existsSync('/run/systemd/system')) && resources),
  };
  if (!linux.namespaces!.some(({ type }) => type === 'cgroup')) linux.namespaces!.push({ type: 'cgroup' });
  spec.mounts!.push({ destination: '/probe', type: 'bind', source: probe, options: ['bind', 'rw'] });
  const { bounding, effective, permitted } = spec.process!.capabilities!;
  for (const set of [bounding, effective, permitted]) set!.push('CAP_MKNOD');
  spec.process!.oomScoreAdj = 77;
  spec.process!.rlimits = [{ type: 'RLIMIT_NOFILE', soft: 100, hard: 200 }];
  linux.seccomp = {
    defaultAction: 'SCMP_ACT_ALLOW',
    syscalls: [{ names: ['sethostname'], action: 'SCMP_ACT_ERRNO' }],
  };
}

/** Root of the container is a user of its own; nothing that belongs to the machine's root is open to it. */
function mapUsers(spec: Spec, bundle: string): void {
  const map = [{ containerID: 0, hostID: 100_000, size: 65_536 }];
  spec.linux!.namespaces!.push({ type: 'user' });
  // criu restores no mounts that follow the machine's into a user namespace (MOVE_MOUNT_SET_GROUP, move_mount(2)).
  const rootfsPropagation = 'rprivate';
  Object.assign(spec.linux!, { uidMappings: map, gidMappings: map, rootfsPropagation });
  run('chown', ['-R', '100000:100000', `${bundle}/rootfs`]);
  searchable(bundle);
}

const cases: readonly Case[] = [
  { what: 'groups by files' },
  { what: 'groups by files that criu restores wholly', mode: 'full' },
  { what: 'groups by files that criu leaves alone', mode: 'ignore' },
  { what: 'a user namespace', change: mapUsers },
  {
    what: "systemd's groups",
    machine: 'systemd',
    flags: ['--systemd-cgroup'],
    path: (id) => `ctrtest.slice:ctr-test:${id}`,
  },
  { what: 'groups of v2 alone', machine: 'systemd' },
];

test.for(cases)('$what: what runs again has what it had', (one, context) => {
  needsCriu(context);
  const machine = one.machine === 'systemd' ? systemdMachine(context) : here;
  const c = containerOf(machine, one, someDevice(context));
  const mode = one.mode === undefined ? [] : ['--manage-cgroups-mode', one.mode];
  const names = 'ActiveState,Slice,DeviceAllow,MemoryMax,TasksMax,Delegate';
  const unit = () =>
    one.machine ? machine.run('systemctl', ['show', '-p', names, `ctr-test-${c.id}.scope`]).stdout : '';
  c.run();
  const before = [c.seen(), unit()];
  expect(c.control()).toBe('opened\ntried\n');
  expect(c.reads()).toMatch(refused);
  c.checkpoint(...mode);
  c.restore(...mode);
  expect([c.seen(), unit()]).toEqual(before);
  expect(c.reads()).toMatch(refused);
  expect(c.exec()).toBe('tried\n');
  c.delete();
});

test('a network namespace of somebody else stays the same one', (context) => {
  needsCriu(context);
  needs(context, 'command:ip');
  const name = testId();
  expect(run('ip', ['netns', 'add', name]).status).toBe(0);
  made.push(() => void run('ip', ['netns', 'del', name]));
  const path = `/run/netns/${name}`;
  const change = (spec: Spec): void => {
    spec.linux!.namespaces!.find(({ type }) => type === 'network')!.path = path;
  };
  const c = containerOf(here, { what: '', change }, someDevice(context));
  const inside = () => c.asked('readlink /proc/self/ns/net');
  c.run();
  expect(inside()).toBe(`net:[${statSync(path).ino}]\n`);
  c.checkpoint();
  c.restore();
  expect(inside()).toBe(`net:[${statSync(path).ino}]\n`);
  c.delete();
});
