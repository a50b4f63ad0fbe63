/**
 * Controllers that only cgroup v1 has, each run into. Where the machine does not mount them, a
 * mount namespace of the test's own does, and the hierarchy is let go again afterwards.
 */
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type Ended, needs, run, runTool, skip } from '../../../test/support.ts';
import { hierarchiesOf } from '../src/layout.ts';

const controllers = ['net_cls', 'net_prio', 'perf_event'];
const mounted = new Set(hierarchiesOf().flatMap((h) => h.controllers));

/** Run a script where these controllers are mounted; the network is its own, too, unless said otherwise. */
function inside(script: string, network = ['--net']): Ended {
  const lacking = controllers.filter((name) => !mounted.has(name));
  const mounts = lacking.map((name) => `mkdir /mnt/${name} && mount -t cgroup -o ${name} none /mnt/${name}`);
  const line = ['set -e', 'mount -t tmpfs none /mnt', ...mounts, script].join('\n');
  const there = hierarchies();
  const ended = run('unshare', ['--mount', ...network, 'sh', '-c', line], { timeout: 120_000 });
  letGo(lacking.filter((name) => !there.has(name)));
  return ended;
}

/** Controllers of v1 that have a hierarchy, mounted somewhere or not (cgroups(7), /proc/cgroups). */
function hierarchies(): Set<string> {
  const rows = readFileSync('/proc/cgroups', 'utf8')
    .split('\n')
    .map((row) => row.split('\t'));
  return new Set(rows.filter(([, hierarchy]) => Number(hierarchy) > 0).map(([name]) => name!));
}

/**
 * A hierarchy goes with its last mount where it has no groups then (cgroup_kill_sb in
 * kernel/cgroup/cgroup.c). One that was removed a moment before still counts, and the hierarchy stays
 * without a mount until it is mounted once more: crun and podman would make directories for it.
 */
function letGo(names: readonly string[]): void {
  const stays = (): boolean => names.some((name) => hierarchies().has(name));
  for (let round = 0; round < 10 && stays(); round++) {
    const again = names.map((name) => `mkdir /mnt/${name} && mount -t cgroup -o ${name} none /mnt/${name}`);
    run('unshare', ['--mount', 'sh', '-c', ['mount -t tmpfs none /mnt', ...again].join('\n')]);
    for (let looks = 0; looks < 20 && stays(); looks++) run('sleep', ['0.05']);
  }
}

const sendTo = (address: string): string =>
  `python3 -c 'import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); print(s.sendto(b"x", ("${address}", 9)))'`;
const send = sendTo('127.0.0.1');

describe('network', () => {
  test('net_cls: packets have the class, by which a filter drops them', (context) => {
    needs(context, 'root', 'cgroup-v1', 'command:iptables', 'command:python3');
    const ended = inside(`
      ip link set lo up
      iptables -A OUTPUT -m cgroup --cgroup 0x100001 -j DROP
      ${send}
      cg-limit --net-cls 0x100001 -- ${send} 2>&1 | tail -n 1
      cg-limit --net-cls 0x100002 -- ${send}`);
    expect(ended).toMatchObject({
      status: 0,
      stdout: '1\nPermissionError: [Errno 1] Operation not permitted\n1\n',
      stderr: '',
    });
  });

  test('net_prio: the priority stands for the interface, and none for one that is not there', (context) => {
    needs(context, 'root', 'cgroup-v1');
    const ended = inside(`
      cg-limit --manager files --cgroup /ctr-test-prio --net-prio lo:6 -- sh -c \\
        'cat $(sed -n "s/^[^ ]* [^ ]* [^ ]* [^ ]* \\([^ ]*\\) .* - cgroup .*net_prio.*/\\1/p" /proc/self/mountinfo | tail -n 1)/ctr-test-prio/net_prio.ifpriomap'
      ! cg-limit --net-prio no-such0:6 -- true`);
    expect(ended.stdout.split('\n')).toContain('lo 6');
    expect(ended.stderr).toMatch(
      /^cg-limit: set the priority on no-such0 of \/.* to 6: .*; there is no interface no-such0 in the initial network namespace, the only one that net_prio knows\n$/,
    );
  });

  test('net_prio: the queue sorts packets by it', (context) => {
    needs(context, 'root', 'cgroup-v1', 'command:tc', 'command:ip', 'command:python3');
    // net_prio knows interfaces of the initial network namespace alone (write_priomap in
    // net/core/netprio_cgroup.c asks init_net), so one is made there, and leads nowhere.
    const name = `ctrprio${process.pid % 100_000}`;
    const other = '192.0.2.2';
    if (run('ip', ['link', 'add', name, 'type', 'dummy']).status !== 0)
      skip(context, 'the kernel has no dummy interfaces');
    try {
      // Only priority 6 is for the first of the three bands.
      const ended = inside(
        `
        tc qdisc add dev ${name} root handle 1: prio bands 3 priomap 2 2 2 2 2 2 0 2 2 2 2 2 2 2 2 2 || exit 9
        cg-limit --net-prio ${name}:6 -- true
        ip link set ${name} up
        ip address add 192.0.2.1/32 peer ${other} dev ${name}
        ip neighbour add ${other} lladdr 02:00:00:00:00:02 dev ${name}
        sent() { tc -s class show dev ${name} | grep -A1 "class prio $1" | grep -o 'Sent [0-9]* bytes'; }
        ${sendTo(other)} >&2; sent 1:1; sent 1:3 | sed 's/[1-9][0-9]*/some/'
        cg-limit --net-prio ${name}:6 -- ${sendTo(other)} >&2; sent 1:1`,
        [],
      );
      if (ended.status === 9) skip(context, 'the kernel has no prio queue (sch_prio)');
      if (ended.stderr.includes('the only one that net_prio knows'))
        skip(context, 'this is not the initial network namespace');
      expect(ended).toMatchObject({ status: 0, stderr: '1\n1\n' });
      expect(ended.stdout).toMatch(/^Sent 0 bytes\nSent some bytes\nSent [1-9]\d* bytes\n$/);
    } finally {
      run('ip', ['link', 'delete', name]);
    }
  });
});

test('perf_event and the others: the command is in its group there as well', (context) => {
  needs(context, 'root', 'cgroup-v1');
  const ended = inside(
    'cg-limit --manager files --cgroup /ctr-test-perf --pids-limit 9 -- cat /proc/self/cgroup',
  );
  expect(ended.stderr).toBe('');
  for (const name of controllers)
    expect(ended.stdout).toMatch(new RegExp(`[:,]${name}[^:\n]*:/ctr-test-perf\n`));
});

describe('cpu, realtime', () => {
  const file = '/sys/fs/cgroup/cpu/cpu.rt_runtime_us';
  const realtime = ['chrt', '--fifo', '1', 'echo', 'realtime'];
  test('a group has none until it is given some', (context) => {
    needs(context, 'root', 'cgroup-v1', 'command:chrt', `file:${file}`);
    const without = runTool('cg-limit', ['--cpus', '1', '--', ...realtime]);
    expect(without).toMatchObject({ status: 1, stdout: '' });
    expect(without.stderr).toContain('Operation not permitted');
    const given = ['--cpu-rt-period', '500ms', '--cpu-rt-runtime', '50ms'];
    expect(runTool('cg-limit', [...given, '--', ...realtime])).toMatchObject({
      status: 0,
      stdout: 'realtime\n',
      stderr: '',
    });
    expect(
      runTool('cg-limit', ['--cpu-rt-period', '1s', '--cpu-rt-runtime', '990ms', '--', 'true']).stderr,
    ).toMatch(/the groups above have less realtime left to give/);
  });

  test('a kernel that has none says so', (context) => {
    needs(context, 'root', 'cgroup-v1');
    if (existsSync(file)) skip(context, 'this kernel has CONFIG_RT_GROUP_SCHED');
    const ended = runTool('cg-limit', ['--cpu-rt-runtime', '50ms', '--', 'true']);
    expect(ended.status).toBe(125);
    expect(ended.stderr).toContain('this kernel was built without CONFIG_RT_GROUP_SCHED');
  });
});

test('memory: without the OOM killer, who is at the limit waits until there is more', (context) => {
  // Perl fills its string in user space, and only a fault there waits: where the kernel copies for a
  // system call, that one fails with ENOMEM or EFAULT (memcg1_oom_prepare, mm/memcontrol-v1.c).
  needs(context, 'root', 'cgroup-v1', 'command:perl');
  const limits = '--memory 16M --memory-swap 16M --oom-kill-disable --cgroup /ctr-test-oom --manager files';
  const memory = hierarchiesOf().find((h) => h.controllers.includes('memory'))!.mountPoint;
  const ended = run(
    'sh',
    [
      '-c',
      `
      cg-limit ${limits} -- perl -e 'print length("a" x (40 << 20)), "\\n"' &
      for i in $(seq 300); do grep -q '^under_oom 1' ${memory}/ctr-test-oom/memory.oom_control 2>/dev/null && break; sleep 0.1; done
      grep under_oom ${memory}/ctr-test-oom/memory.oom_control
      cg-limit --update /ctr-test-oom --memory-swap 100M --memory 100M && wait $!`,
    ],
    { timeout: 120_000 },
  );
  expect(ended).toMatchObject({ status: 0, stdout: `under_oom 1\n${40 << 20}\n`, stderr: '' });
});
