import { defaultSpec, type Mount, rootlessSpec, type Spec } from '@ctr-tools/oci';
import type { CgroupHierarchy, Cgroups } from '@ctr-tools/sys/proc';
import { expect, test } from 'vitest';
import { told } from '../../process/test/support/container.ts';
import { rootfsSteps } from '../src/index.ts';
import { factsOf } from './support.ts';

const hierarchy = (id: number, place: string, controllers: string[], name?: string): CgroupHierarchy => ({
  id,
  controllers,
  ...(name !== undefined && { name }),
  path: '/',
  version: controllers.length === 0 && name === undefined ? 2 : 1,
  mountPoint: `/sys/fs/cgroup/${place}`,
  root: '/',
  directory: `/sys/fs/cgroup/${place}`,
});
const v1 = [
  hierarchy(3, 'cpu,cpuacct', ['cpu', 'cpuacct']),
  hierarchy(2, 'pids', ['pids']),
  hierarchy(1, 'systemd', [], 'systemd'),
];
const hybrid: Cgroups = { mode: 'hybrid', hierarchies: [...v1, hierarchy(0, 'unified', [])] };
const v2: Cgroups = {
  mode: 'v2',
  hierarchies: [{ ...hierarchy(0, '', []), mountPoint: '/sys/fs/cgroup', directory: '/sys/fs/cgroup' }],
};

/** A spec with these mounts and nothing else. */
function bare(mounts: Mount[], change: (spec: Spec) => void = () => {}): Spec {
  const spec = defaultSpec();
  spec.mounts = mounts;
  spec.root = { path: 'rootfs' };
  delete spec.linux!.maskedPaths;
  delete spec.linux!.readonlyPaths;
  change(spec);
  return spec;
}

/** Steps of one phase only. */
const phaseOf = (text: string, ...phases: string[]): string =>
  text
    .split('\n')
    .filter((line) => phases.includes(line.split(' ')[0]!))
    .map((line) => line.replace(/^\S+ +(?:container )?/, ''))
    .join('\n');

const cgroupMount: Mount = {
  destination: '/sys/fs/cgroup',
  type: 'cgroup',
  source: 'cgroup',
  options: ['nosuid', 'noexec', 'nodev', 'relatime', 'ro'],
};
const without = (kind: string) => (spec: Spec) => {
  spec.linux!.namespaces = spec.linux!.namespaces!.filter((n) => n.type !== kind);
};

test('the default container on a hybrid host', async () => {
  const steps = told(rootfsSteps(defaultSpec(), factsOf({ cgroups: hybrid, kcore: true })));
  await expect(steps).toMatchFileSnapshot('golden/default.txt');
});

test('the container of somebody who is not root', async () => {
  const facts = factsOf({ cgroups: v2, userNamespace: true });
  await expect(told(rootfsSteps(rootlessSpec({ uid: 1000, gid: 1000 }), facts))).toMatchFileSnapshot(
    'golden/rootless.txt',
  );
});

test('cgroups without a namespace of their own: the groups are bound on v1, the whole mounted on v2', () => {
  const spec = bare([cgroupMount], without('cgroup'));
  const facts = factsOf({ cgroups: hybrid, cgroupDirectories: { 2: '/sys/fs/cgroup/pids/c1' } });
  expect(phaseOf(told(rootfsSteps(spec, facts)), 'mounts')).toMatchInlineSnapshot(`
    "tmpfs root={root} target=/sys/fs/cgroup source=tmpfs flags=NOSUID|NODEV|NOEXEC data=mode=755
    bind root={root} target=/sys/fs/cgroup/cpu,cpuacct source=/sys/fs/cgroup/cpu,cpuacct fd=-1 recursive=1 set=RDONLY|NOSUID|NODEV|NOEXEC clear=ATIME propagation=0 userns=-1 make=like_source lift=0
    bind root={root} target=/sys/fs/cgroup/pids source=/sys/fs/cgroup/pids/c1 fd=-1 recursive=1 set=RDONLY|NOSUID|NODEV|NOEXEC clear=ATIME propagation=0 userns=-1 make=like_source lift=0
    bind root={root} target=/sys/fs/cgroup/systemd source=/sys/fs/cgroup/systemd fd=-1 recursive=1 set=RDONLY|NOSUID|NODEV|NOEXEC clear=ATIME propagation=0 userns=-1 make=like_source lift=0
    link_in root={root} path=/sys/fs/cgroup/cpu target=cpu,cpuacct   [unless EEXIST]
    link_in root={root} path=/sys/fs/cgroup/cpuacct target=cpu,cpuacct   [unless EEXIST]
    mount_attr root={root} target=/sys/fs/cgroup set=RDONLY clear=0 propagation=0 recursive=0
    check_mounts root={root} allowed=[/proc/cpuinfo /proc/diskstats /proc/meminfo /proc/stat /proc/swaps /proc/uptime /proc/loadavg /proc/slabinfo /proc/net/dev /proc/sys/kernel/ns_last_pid /proc/sys/crypto/fips_enabled] whole=[]"
  `);
  expect(phaseOf(told(rootfsSteps(spec, factsOf({ cgroups: v2 }))), 'mounts')).toMatchInlineSnapshot(`
    "mount root={root} target=/sys/fs/cgroup type=cgroup2 source=cgroup flags=RDONLY|NOSUID|NODEV|NOEXEC|RELATIME data="" make=directory
    check_mounts root={root} allowed=[/proc/cpuinfo /proc/diskstats /proc/meminfo /proc/stat /proc/swaps /proc/uptime /proc/loadavg /proc/slabinfo /proc/net/dev /proc/sys/kernel/ns_last_pid /proc/sys/crypto/fips_enabled] whole=[]"
  `);
});

test('cgroup v2 in a user namespace that has none: the host files are bound', () => {
  const spec = bare([cgroupMount], without('cgroup'));
  const steps = told(rootfsSteps(spec, factsOf({ cgroups: v2, userNamespace: true })));
  expect(phaseOf(steps, 'mounts')).toMatchInlineSnapshot(`
    "bind root={root} target=/sys/fs/cgroup source=/sys/fs/cgroup fd=-1 recursive=1 set=RDONLY|NOSUID|NODEV|NOEXEC clear=ATIME propagation=0 userns=-1 make=like_source lift=0
    check_mounts root={root} allowed=[/proc/cpuinfo /proc/diskstats /proc/meminfo /proc/stat /proc/swaps /proc/uptime /proc/loadavg /proc/slabinfo /proc/net/dev /proc/sys/kernel/ns_last_pid /proc/sys/crypto/fips_enabled] whole=[]"
  `);
});

test('cgroup v2 with a namespace is mounted', () => {
  const steps = told(rootfsSteps(bare([cgroupMount]), factsOf({ cgroups: v2 })));
  expect(phaseOf(steps, 'mounts')).toMatchInlineSnapshot(`
    "mount root={root} target=/sys/fs/cgroup type=cgroup2 source=cgroup flags=RDONLY|NOSUID|NODEV|NOEXEC|RELATIME data="" make=directory
    check_mounts root={root} allowed=[/proc/cpuinfo /proc/diskstats /proc/meminfo /proc/stat /proc/swaps /proc/uptime /proc/loadavg /proc/slabinfo /proc/net/dev /proc/sys/kernel/ns_last_pid /proc/sys/crypto/fips_enabled] whole=[]"
  `);
});

test('binds: relative sources, attributes, recursive attributes, propagation', () => {
  const steps = told(
    rootfsSteps(
      bare([
        { destination: '/a', source: 'data', options: ['bind', 'ro', 'nosuid', 'exec', 'noatime'] },
        { destination: 'b/../c', type: 'bind', source: '/x', options: ['rbind', 'rro', 'rshared', 'slave'] },
      ]),
      factsOf(),
    ),
  );
  expect(phaseOf(steps, 'mounts')).toMatchInlineSnapshot(`
    "bind root={root} target=/a source=/bundle/data fd=-1 recursive=0 set=RDONLY|NOSUID|NOATIME clear=NOEXEC|ATIME|NODIRATIME propagation=0 userns=-1 make=like_source lift=NODEV|NOSYMFOLLOW
    bind root={root} target=/c source=/x fd=-1 recursive=1 set=0 clear=0 propagation=REC|SHARED userns=-1 make=like_source lift=0
    mount_attr root={root} target=/c set=RDONLY clear=0 propagation=0 recursive=1
    mount_attr root={root} target=/c set=0 clear=0 propagation=SLAVE recursive=0
    check_mounts root={root} allowed=[/proc/cpuinfo /proc/diskstats /proc/meminfo /proc/stat /proc/swaps /proc/uptime /proc/loadavg /proc/slabinfo /proc/net/dev /proc/sys/kernel/ns_last_pid /proc/sys/crypto/fips_enabled] whole=[]"
  `);
});

test('in a user namespace the host takes hold of the sources, and they stay its slaves', () => {
  const spec = bare(
    [
      { destination: '/a', type: 'bind', source: '/root/a', options: ['rbind'] },
      { destination: '/b', type: 'bind', source: '/root/b', options: ['bind', 'rprivate'] },
    ],
    (s) => s.linux!.namespaces!.push({ type: 'user' }),
  );
  const steps = told(rootfsSteps(spec, factsOf({ userNamespace: true, openTrees: true })));
  expect(phaseOf(steps, 'descriptors', 'mounts')).toMatchInlineSnapshot(`
    "host      open_tree path=/root/a recursive=1 fd→{mount.0}
    host      open_tree path=/root/b recursive=0 fd→{mount.1}
    bind root={root} target=/a source=/root/a fd={mount.0} recursive=1 set=0 clear=0 propagation=REC|SLAVE userns=-1 make=like_source lift=0
    bind root={root} target=/b source=/root/b fd={mount.1} recursive=0 set=0 clear=0 propagation=REC|PRIVATE userns=-1 make=like_source lift=0
    check_mounts root={root} allowed=[/proc/cpuinfo /proc/diskstats /proc/meminfo /proc/stat /proc/swaps /proc/uptime /proc/loadavg /proc/slabinfo /proc/net/dev /proc/sys/kernel/ns_last_pid /proc/sys/crypto/fips_enabled] whole=[]"
  `);
});

test('idmapped binds with maps of their own and with those of the container', () => {
  const maps = [{ containerID: 0, hostID: 1000, size: 10 }];
  const spec = bare(
    [
      { destination: '/a', type: 'bind', source: '/a', options: ['rbind', 'ridmap'] },
      {
        destination: '/b',
        type: 'bind',
        source: '/b',
        options: ['bind'],
        uidMappings: maps,
        gidMappings: maps,
      },
    ],
    (s) => {
      s.linux!.uidMappings = [{ containerID: 0, hostID: 100000, size: 65536 }];
      s.linux!.gidMappings = s.linux!.uidMappings;
    },
  );
  expect(phaseOf(told(rootfsSteps(spec, factsOf())), 'descriptors', 'mounts')).toMatchInlineSnapshot(`
    "host      open_tree path=/a recursive=1 fd→{mount.0}
    host      idmap_userns uids="0 100000 65536\\n" gids="0 100000 65536\\n" userns→{idmap.0}
    host      idmap_tree fd={mount.0} userns={idmap.0} recursive=1
    host      open_tree path=/b recursive=0 fd→{mount.1}
    host      idmap_userns uids="0 1000 10\\n" gids="0 1000 10\\n" userns→{idmap.1}
    host      idmap_tree fd={mount.1} userns={idmap.1} recursive=0
    bind root={root} target=/a source=/a fd={mount.0} recursive=1 set=0 clear=0 propagation=REC|SLAVE userns=-1 make=like_source lift=0
    bind root={root} target=/b source=/b fd={mount.1} recursive=0 set=0 clear=0 propagation=SLAVE userns=-1 make=like_source lift=0
    check_mounts root={root} allowed=[/proc/cpuinfo /proc/diskstats /proc/meminfo /proc/stat /proc/swaps /proc/uptime /proc/loadavg /proc/slabinfo /proc/net/dev /proc/sys/kernel/ns_last_pid /proc/sys/crypto/fips_enabled] whole=[]"
  `);
});

test.each(['shared', 'rshared', 'rslave', 'rprivate', 'unbindable', undefined] as const)(
  'rootfsPropagation %s',
  async (word) => {
    const spec = bare([], (s) => {
      if (word) s.linux!.rootfsPropagation = word;
    });
    const steps = told(rootfsSteps(spec, factsOf({ parentMount: '/srv' })));
    await expect(phaseOf(steps, 'root', 'pivot', 'masks')).toMatchFileSnapshot(
      `golden/propagation-${word ?? 'none'}.txt`,
    );
  },
);

test('a tmpfs and /dev are written to first and become read-only afterwards', () => {
  const spec = bare([
    { destination: '/dev', type: 'devtmpfs', source: 'dev', options: ['ro'] },
    { destination: '/run', type: 'tmpfs', source: 'tmpfs', options: ['ro', 'size=1m'] },
    { destination: '/etc', type: 'tmpfs', source: 'tmpfs', options: ['tmpcopyup'] },
    { destination: '/opt', type: 'overlay', source: 'overlay', options: ['ro', 'lowerdir=/a:/b'] },
    { destination: '/sys', type: 'sysfs', options: ['remount', 'ro'] },
  ]);
  expect(phaseOf(told(rootfsSteps(spec, factsOf())), 'mounts', 'masks')).toMatchInlineSnapshot(`
    "mount root={root} target=/dev type=devtmpfs source=dev flags=0 data="" make=directory
    tmpfs root={root} target=/run source=tmpfs flags=0 data=size=1m
    tmp_copy_up root={root} target=/etc flags=0 data=""
    mount root={root} target=/opt type=overlay source=overlay flags=RDONLY data=lowerdir=/a:/b make=directory
    mount root={root} target=/sys type=sysfs source=sysfs flags=RDONLY|REMOUNT data="" make=nothing
    check_mounts root={root} allowed=[/proc/cpuinfo /proc/diskstats /proc/meminfo /proc/stat /proc/swaps /proc/uptime /proc/loadavg /proc/slabinfo /proc/net/dev /proc/sys/kernel/ns_last_pid /proc/sys/crypto/fips_enabled] whole=["/sys sysfs"]
    mount_attr root=-1 target=/dev set=RDONLY clear=0 propagation=0 recursive=0
    mount_attr root=-1 target=/run set=RDONLY clear=0 propagation=0 recursive=0"
  `);
});

test('the label goes with every filesystem that can carry it', () => {
  const spec = bare(
    [
      { destination: '/proc', type: 'proc', source: 'proc' },
      { destination: '/run', type: 'tmpfs', source: 'tmpfs', options: ['size=1m'] },
      { destination: '/dev/pts', type: 'devpts', source: 'devpts' },
    ],
    (s) => {
      s.linux!.mountLabel = 'system_u:object_r:x:s0:c1,c2';
      s.linux!.maskedPaths = ['/proc/kcore'];
    },
  );
  const steps = told(rootfsSteps(spec, factsOf()));
  expect(steps.match(/data=.*context.*$/gm)).toEqual([
    'data="size=1m,context=\\"system_u:object_r:x:s0:c1,c2\\""',
    'data="context=\\"system_u:object_r:x:s0:c1,c2\\"" make=directory',
  ]);
  expect(steps).toContain(
    'mask root=-1 path=/proc/kcore context="context=\\"system_u:object_r:x:s0:c1,c2\\""',
  );
});

test("devices of one's own, and a bound /dev that is left alone", () => {
  const spec = bare([], (s) => {
    s.linux!.devices = [
      { path: '/dev/null', type: 'c', major: 1, minor: 3, fileMode: 0o600, uid: 5, gid: 6 },
      { path: '/dev/fuse', type: 'u', major: 10, minor: 229 },
      { path: '/dev/sda', type: 'b', major: 8, minor: 300, fileMode: 0o660 },
      { path: '/dev/pipe', type: 'p' },
      { path: '/dev/ptmx', type: 'c', major: 5, minor: 2 },
    ];
  });
  expect(phaseOf(told(rootfsSteps(spec, factsOf())), 'devices')).toMatchInlineSnapshot(`
    "device root={root} path=/dev/zero mode=020666 dev=261 uid=0 gid=0 bind=1
    device root={root} path=/dev/full mode=020666 dev=263 uid=0 gid=0 bind=1
    device root={root} path=/dev/random mode=020666 dev=264 uid=0 gid=0 bind=1
    device root={root} path=/dev/urandom mode=020666 dev=265 uid=0 gid=0 bind=1
    device root={root} path=/dev/tty mode=020666 dev=1280 uid=0 gid=0 bind=1
    device root={root} path=/dev/null mode=020600 dev=259 uid=5 gid=6 bind=1
    device root={root} path=/dev/fuse mode=020666 dev=2789 uid=0 gid=0 bind=1
    device root={root} path=/dev/sda mode=060660 dev=1050668 uid=0 gid=0 bind=1
    device root={root} path=/dev/pipe mode=010666 dev=0 uid=0 gid=0 bind=0
    link_in root={root} path=/dev/fd target=/proc/self/fd   [unless EEXIST]
    link_in root={root} path=/dev/stdin target=/proc/self/fd/0   [unless EEXIST]
    link_in root={root} path=/dev/stdout target=/proc/self/fd/1   [unless EEXIST]
    link_in root={root} path=/dev/stderr target=/proc/self/fd/2   [unless EEXIST]
    link_in root={root} path=/dev/ptmx target=pts/ptmx   [unless EEXIST]"
  `);
  const bound = { ...spec, mounts: [{ destination: '/dev/', type: 'bind', source: '/dev' }] };
  expect(phaseOf(told(rootfsSteps(bound, factsOf())), 'devices')).toBe('');
});

test('a root from elsewhere, without pivot_root', () => {
  const steps = told(rootfsSteps(bare([]), factsOf({ rootSlotFilled: true, noPivot: true })));
  expect(phaseOf(steps, 'root', 'pivot')).toMatchInlineSnapshot(`
    "propagation path=/ flags=REC|SLAVE
    change_root root={root} leaving=move"
  `);
});

test('a spec without root and mounts wants nothing', () => {
  expect(rootfsSteps({ ociVersion: '1.3.0' }, factsOf())).toEqual([]);
});

test.each<[string, Spec]>([
  ['has mounts but no root', { ociVersion: '1.3.0', mounts: [cgroupMount] }],
  ['there is no mount namespace in which this root could be made', bare([], without('mount'))],
  ['it has no type, and is no bind', bare([{ destination: '/x' }])],
  ['a bind needs a source', bare([{ destination: '/x', type: 'bind' }])],
  ['only binds can be idmapped', bare([{ destination: '/x', type: 'tmpfs', options: ['idmap'] }])],
  ['needs uidMappings', bare([{ destination: '/x', type: 'bind', source: '/y', options: ['idmap'] }])],
  ['tmpcopyup is for a tmpfs', bare([{ destination: '/x', type: 'ramfs', options: ['tmpcopyup'] }])],
  [
    '"sideways" is none of shared',
    bare([], (s) => {
      s.linux!.rootfsPropagation = 'sideways' as never;
    }),
  ],
  [
    '"etc" is not an absolute path',
    bare([], (s) => {
      s.linux!.maskedPaths = ['etc'];
    }),
  ],
  [
    'lacks its major or minor number',
    bare([], (s) => {
      s.linux!.devices = [{ path: '/dev/x', type: 'c', major: 1 }];
    }),
  ],
])('a spec is refused: %s', (message, spec) => {
  expect(() => rootfsSteps(spec, factsOf())).toThrow(message);
});
