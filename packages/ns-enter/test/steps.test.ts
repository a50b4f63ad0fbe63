import type { Linux } from '@ctr-tools/oci';
import { describe, expect, test } from 'vitest';
import type { Facts } from '../src/facts.ts';
import { hostOf, own, planOf, planOfSpec, target, user } from './fixtures.ts';

const map = (containerID: number, hostID: number, size: number) => ({ containerID, hostID, size });
const maps = (...of: ReturnType<typeof map>[]) => ({ uidMappings: of, gidMappings: of });
const withUser = { target: { ...target, namespaces: { ...target.namespaces, user: 8 } } };
const golden = (name: string) => `golden/${name}.txt`;

describe("a person's command", () => {
  const cases: readonly (readonly [name: string, line: string, facts?: Partial<Facts>])[] = [
    ['join-five', '--target 42 --mount --uts --ipc --net --pid'],
    ['join-in-place', '-t 42:7000 -n -u'],
    ['join-user-privileged', '-t 42 -U -n -p', withUser],
    ['join-user-unprivileged', '-t 42 -U -n -p', { ...withUser, caller: user }],
    ['join-files', '--net=/run/netns/a --user=/pins/user --setuid 5 --setgid 6'],
    [
      'join-everything-else',
      '-t 42 -m --root --wd --env -c',
      { target: { ...target, environ: ['A=b'], cgroups: ['/sys/fs/cgroup/x/cgroup.procs'] } },
    ],
    ['create-six', '--new mount,uts,ipc,net,pid,cgroup'],
    ['create-in-place', '--new net,time,cgroup --hostname box --monotonic -1.5 --loopback'],
    ['create-no-fork', '--new pid,mount --no-fork --propagation slave'],
    [
      'root-with-proc',
      '--new mount,pid --root=/rootfs --wdns /srv',
      { caller: { ...user, effective: 1n << 21n, rootfsVariable: true } },
    ],
    ['chroot', '--new net --root=/rootfs'],
    ['map-root-in-place', '--map-root-user --keep-caps', maps(map(0, 0, 1))],
    [
      'map-ranges-in-place',
      '--map-users 0:100000:65536 --map-groups 0:100000:65536',
      { caller: user, ...maps(map(0, 100_000, 65_536)) },
    ],
    ['map-root-in-child', '--new pid --map-root-user', { caller: user, ...maps(map(0, 1000, 1)) }],
    ['join-then-create', '-t 42 --net --new user,pid --map-root-user', maps(map(0, 0, 1))],
    ['owner', '--new pid --owner 5:6', maps(map(0, 0, 10))],
    ['pin-and-status', '--new net,mount --pin /pins --status-fd 3 --kill-child', { pinMissing: ['/pins'] }],
    ['netdev', '--netdev eth0=in0'],
    ['binfmt-fixed', '--load-interp :x:M::abc::/i:F --root=/rootfs --new mount'],
  ];

  for (const [name, line, facts] of cases)
    test(name, async () => {
      await expect(planOf(line, facts, hostOf({ fds: [0, 1, 2, 3] }))).toMatchFileSnapshot(golden(name));
    });

  test('does not join what it is in already', () => {
    const same = {
      target: { ...target, namespaces: own },
      inodes: { '/proc/42/ns/net': own.net, '/proc/42/ns/pid': own.pid },
    };
    expect(planOf('-t 42 -n -p', same)).not.toMatch(/setns|clone|join_first/);
  });

  test('the order of flags does not matter', () => {
    expect(planOf('-p -n -u -t 42 -m -i')).toBe(planOf('--target 42 --mount --uts --ipc --net --pid'));
  });

  test('without privilege a map beyond the own ID needs a helper and a range', () => {
    const mine = maps(map(0, 100_000, 65_536));
    const { newuidmap: _, ...without } = user;
    expect(() => planOf('--map-auto', { caller: without, ...mine })).toThrow('newuidmap is not installed');
    expect(() => planOf('--map-auto', { caller: user, ...maps(map(0, 0, 10)) })).toThrow(
      'not yours by /etc/subuid',
    );
    expect(() =>
      planOf('--map-root-user --setgroups allow', { caller: user, ...maps(map(0, 1000, 1)) }),
    ).toThrow('--setgroups allow');
    expect(() => planOf('--owner 1:1', { caller: user })).toThrow('only root');
  });
});

describe('a container', () => {
  const six: Linux = {
    namespaces: (['pid', 'network', 'ipc', 'uts', 'mount', 'cgroup'] as const).map((type) => ({ type })),
  };
  const inodes = { '/ns/user': 8, '/ns/net': 4, '/ns/pid': 5 };
  const cases: readonly (readonly [name: string, linux: Linux, facts?: Partial<Facts>])[] = [
    ['default', six],
    [
      'user-namespace',
      { ...six, namespaces: [...six.namespaces!, { type: 'user' }], ...maps(map(0, 100_000, 65_536)) },
    ],
    [
      'rootless',
      { ...six, namespaces: [...six.namespaces!, { type: 'user' }], ...maps(map(0, 1000, 1)) },
      { caller: user },
    ],
    [
      'rootless-ranges',
      {
        ...six,
        namespaces: [...six.namespaces!, { type: 'user' }],
        ...maps(map(0, 1000, 1), map(1, 100_000, 65_536)),
      },
      { caller: user },
    ],
    [
      'pod',
      {
        namespaces: [
          { type: 'mount' },
          { type: 'pid' },
          { type: 'user', path: '/ns/user' },
          { type: 'network', path: '/ns/net' },
        ],
      },
      { inodes },
    ],
    [
      'joined-pid',
      {
        namespaces: [
          { type: 'mount' },
          { type: 'pid', path: '/ns/pid' },
          { type: 'network', path: '/ns/net' },
        ],
      },
      { inodes },
    ],
    [
      'clocks-devices-sysctl',
      {
        namespaces: [{ type: 'time' }, { type: 'network' }, { type: 'ipc' }],
        timeOffsets: { monotonic: { secs: 5, nanosecs: 6 } },
        netDevices: { eth0: {} },
        sysctl: { 'kernel.sem': '1 2 3 4' },
      },
    ],
  ];

  for (const [name, linux, facts] of cases)
    test(name, async () => {
      await expect(planOfSpec(linux, facts)).toMatchFileSnapshot(golden(`container-${name}`));
    });

  test('maps for a joined one describe it, as far as its own are known', () => {
    const linux: Linux = { namespaces: [{ type: 'user', path: '/ns/user' }], ...maps(map(0, 1, 2)) };
    const known = (...of: ReturnType<typeof map>[]) =>
      planOfSpec(linux, { joinedMaps: { uids: of, gids: of } });
    const unknown = planOfSpec(linux);
    expect(unknown).toBe(planOfSpec({ namespaces: linux.namespaces! }));
    expect(known(map(0, 1, 2))).toBe(unknown);
    expect(known(map(1, 2, 1), map(0, 1, 1))).toBe(unknown);
    expect(() => known(map(0, 1, 1))).toThrow(
      'uidMappings differs from the map of the user namespace /ns/user',
    );
  });

  test.each<[string, Linux, string]>([
    ['a kind twice', { namespaces: [{ type: 'pid' }, { type: 'pid' }] }, 'names pid twice'],
    ['maps without a user namespace', { ...six, ...maps(map(0, 1, 1)) }, 'no user namespace is made'],
    ['a user namespace without maps', { namespaces: [{ type: 'user' }] }, 'uidMappings is missing'],
    [
      'maps that overlap',
      { namespaces: [{ type: 'user' }], ...maps(map(0, 1, 5), map(1, 9, 1)) },
      'overlap inside',
    ],
    ['offsets without a time namespace', { timeOffsets: { boottime: { secs: 1 } } }, 'no new time namespace'],
    [
      'nanoseconds beyond a second',
      { namespaces: [{ type: 'time' }], timeOffsets: { boottime: { nanosecs: 1e9 } } },
      'from 0 to 999999999',
    ],
    ["the host's parameter", { sysctl: { 'net.ipv4.ip_forward': '1' } }, 'would change the host'],
    ["the machine's parameter", { ...six, sysctl: { 'kernel.panic': '1' } }, 'belongs to the whole machine'],
    ['a path as a parameter', { ...six, sysctl: { 'net/../kernel/panic': '1' } }, "not a parameter's name"],
    ['the host name as a parameter', { ...six, sysctl: { 'kernel.hostname': 'x' } }, 'by hostname'],
    ['an interface without a network', { netDevices: { eth0: {} } }, 'none of its own'],
    [
      'two interfaces of one name',
      { ...six, netDevices: { a: { name: 'x' }, b: { name: 'x' } } },
      'the name x',
    ],
    ['a name that is none', { ...six, netDevices: { a: { name: 'x/y' } } }, 'cannot be an interface'],
  ])('%s is refused', (_, linux, words) => {
    expect(() => planOfSpec(linux, { inodes })).toThrow(words);
  });

  test("a host name without a UTS namespace would be the host's", () => {
    expect(() => planOfSpec({ namespaces: [{ type: 'pid' }] }, {}, { hostname: 'x' })).toThrow('--new uts');
    expect(planOfSpec(six, {}, { hostname: 'x', domainname: 'y' })).toMatch(
      /hostname name=x\n.*domainname name=y/,
    );
  });
});
