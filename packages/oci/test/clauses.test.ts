/** What config.md and config-linux.md REQUIRE of a document, clause by clause: each that is missing or wrong is an error at its place. */
import { describe, expect, it } from 'vitest';
import { validateSpec } from '../src/runtime/validate.ts';
import { changed, type Path } from './changed.ts';

const process = (name: string): Path => ['process', name];
const linux = (name: string): Path => ['linux', name];
const resources = (name: string): Path => ['linux', 'resources', name];
const seccomp = (syscall: object) => ({ defaultAction: 'SCMP_ACT_ALLOW', syscalls: [syscall] });
const device = { type: 'c', path: '/dev/x', major: 1, minor: 3 };

it.each<[string, Path, unknown, string]>([
  ['ociVersion missing', ['ociVersion'], undefined, 'ociVersion: is missing'],
  ['root missing', ['root'], undefined, 'root: is missing'],
  ['root.path missing', ['root'], { readonly: true }, 'root.path: is missing'],
  ['mounts: destination missing', ['mounts', 0], { type: 'tmpfs' }, 'mounts[0].destination: is missing'],
  ['mounts: idmap without maps or a user namespace', ['mounts', 0, 'options'], ['idmap'], 'idmap needs'],
  [
    'mounts: one map without the other',
    ['mounts', 0, 'gidMappings'],
    [{ containerID: 0, hostID: 0, size: 1 }],
    'uidMappings: is missing',
  ],
  ['process missing', ['process'], undefined, 'process: is missing'],
  ['cwd relative', process('cwd'), 'tmp', 'allowed is an absolute path'],
  ['args empty', process('args'), [], 'process.args: is empty'],
  ['rlimits: type missing', process('rlimits'), [{ soft: 1, hard: 1 }], 'rlimits[0].type: is missing'],
  [
    'rlimits: type that is none',
    process('rlimits'),
    [{ type: 'RLIMIT_X', soft: 1, hard: 1 }],
    'allowed is one of RLIMIT_',
  ],
  ['scheduler: policy missing', process('scheduler'), { nice: 1 }, 'scheduler.policy: is missing'],
  [
    'scheduler: policy that is none',
    process('scheduler'),
    { policy: 'SCHED_NICE' },
    'scheduler.policy: found',
  ],
  [
    'scheduler: flag that is none',
    process('scheduler'),
    { policy: 'SCHED_OTHER', flags: ['X'] },
    'scheduler.flags[0]: found',
  ],
  [
    'ioPriority: class that is none',
    process('ioPriority'),
    { class: 'X', priority: 1 },
    'ioPriority.class: found',
  ],
  [
    'hostname without a UTS namespace',
    linux('namespaces'),
    [{ type: 'mount' }],
    'hostname: needs a uts namespace',
  ],
  ['hooks: path missing', ['hooks'], { poststop: [{ args: ['x'] }] }, 'hooks.poststop[0].path: is missing'],
  ['annotations that are no map', ['annotations'], ['a'], 'annotations: found an array'],
  ['annotations: value that is not a string', ['annotations'], { a: 1 }, 'annotations.a: found the number 1'],
  ['annotations: empty key', ['annotations'], { '': 'x' }, 'empty key'],
  ['namespaces: type missing', linux('namespaces'), [{ path: '/x' }], 'namespaces[0].type: is missing'],
  ['namespaces: type that is none', linux('namespaces'), [{ type: 'pids' }], 'namespaces[0].type: found'],
  ['namespaces: path relative', ['linux', 'namespaces', 0, 'path'], 'ns/pid', 'allowed is an absolute path'],
  [
    'uidMappings: size missing',
    linux('uidMappings'),
    [{ containerID: 0, hostID: 0 }],
    'uidMappings[0].size: is missing',
  ],
  ['devices: type that is none', linux('devices'), [{ ...device, type: 'x' }], 'devices[0].type: found'],
  ['devices: path missing', linux('devices'), [{ type: 'p' }], 'devices[0].path: is missing'],
  [
    'cpu: burst above the quota',
    resources('cpu'),
    { quota: 1000, burst: 2000 },
    'cpu.burst: 2000 is above the quota',
  ],
  [
    'weightDevice: minor missing',
    resources('blockIO'),
    { weightDevice: [{ major: 8, weight: 10 }] },
    'weightDevice[0].minor: is missing',
  ],
  [
    'weightDevice: neither weight nor leafWeight',
    resources('blockIO'),
    { weightDevice: [{ major: 8, minor: 0 }] },
    'has neither weight nor leafWeight',
  ],
  [
    'hugepageLimits: limit missing',
    resources('hugepageLimits'),
    [{ pageSize: '2MB' }],
    'hugepageLimits[0].limit: is missing',
  ],
  [
    'network: priority missing',
    resources('network'),
    { priorities: [{ name: 'eth0' }] },
    'priorities[0].priority: is missing',
  ],
  [
    'rdma: neither handles nor objects',
    resources('rdma'),
    { mlx5_1: {} },
    'has neither hcaHandles nor hcaObjects',
  ],
  [
    'intelRdt: memBwSchema without MB:',
    linux('intelRdt'),
    { memBwSchema: 'L3:0=f' },
    'allowed is one line MB:',
  ],
  [
    'intelRdt: memBwSchema of two lines',
    linux('intelRdt'),
    { memBwSchema: 'MB:0=1\nL3:0=f' },
    'allowed is one line MB:',
  ],
  [
    'intelRdt: schemata with a newline',
    linux('intelRdt'),
    { schemata: ['L3:0=f\nMB:0=1'] },
    'schemata[0]: has a newline',
  ],
  ['memoryPolicy: mode missing', linux('memoryPolicy'), { nodes: '0' }, 'memoryPolicy.mode: is missing'],
  [
    'memoryPolicy: flag that is none',
    linux('memoryPolicy'),
    { mode: 'MPOL_BIND', flags: ['X'] },
    'memoryPolicy.flags[0]: found',
  ],
  ['seccomp: defaultAction missing', linux('seccomp'), {}, 'seccomp.defaultAction: is missing'],
  [
    'seccomp: listenerMetadata alone',
    linux('seccomp'),
    { defaultAction: 'SCMP_ACT_ALLOW', listenerMetadata: 'x' },
    'needs listenerPath',
  ],
  [
    'seccomp: names empty',
    linux('seccomp'),
    seccomp({ names: [], action: 'SCMP_ACT_LOG' }),
    'names: is empty',
  ],
  ['seccomp: names missing', linux('seccomp'), seccomp({ action: 'SCMP_ACT_LOG' }), 'names: is missing'],
  ['seccomp: action missing', linux('seccomp'), seccomp({ names: ['x'] }), 'action: is missing'],
  [
    'seccomp: errnoRet for an action that takes none',
    linux('seccomp'),
    seccomp({ names: ['x'], action: 'SCMP_ACT_KILL', errnoRet: 1 }),
    'takes no errno',
  ],
  [
    'seccomp: errnoRet that is no errno',
    linux('seccomp'),
    seccomp({ names: ['x'], action: 'SCMP_ACT_ERRNO', errnoRet: 4096 }),
    'errnoRet: is 4096; an errno is from 0 to 4095',
  ],
  [
    'seccomp: defaultErrnoRet that is no errno',
    linux('seccomp'),
    { defaultAction: 'SCMP_ACT_ERRNO', defaultErrnoRet: 65535 },
    'defaultErrnoRet: is 65535; an errno is from 0 to 4095',
  ],
  [
    'seccomp: op missing',
    linux('seccomp'),
    seccomp({ names: ['x'], action: 'SCMP_ACT_LOG', args: [{ index: 0, value: 1 }] }),
    'args[0].op: is missing',
  ],
  [
    'maskedPaths relative',
    linux('maskedPaths'),
    ['proc/kcore'],
    'maskedPaths[0]: found "proc/kcore", allowed is an absolute path',
  ],
  [
    'readonlyPaths relative',
    linux('readonlyPaths'),
    ['proc'],
    'readonlyPaths[0]: found "proc", allowed is an absolute path',
  ],
  ['personality: domain missing', linux('personality'), { flags: [] }, 'personality.domain: is missing'],
])('%s', (_what, path, value, words) => {
  expect(() => validateSpec(changed(path, value))).toThrow(words);
});

/** 2^32-1 is what setresuid(2) and chown(2) leave as it is, and what is larger they never see whole. */
const mount = (more: object) => [{ destination: '/x', type: 'tmpfs', source: 'x', ...more }];
const map = (change: object) => [{ containerID: 0, hostID: 0, size: 1, ...change }];
describe.each([4294967295, 4294967296, 2n ** 64n, -1])('%s is not an ID', (id) => {
  it.each<[string, Path, unknown]>([
    ['process.user.uid', process('user'), { uid: id, gid: 0 }],
    ['process.user.gid', process('user'), { uid: 0, gid: id }],
    ['process.user.additionalGids[1]', process('user'), { uid: 0, gid: 0, additionalGids: [1, id] }],
    ['linux.uidMappings[0].containerID', linux('uidMappings'), map({ containerID: id })],
    ['linux.gidMappings[0].hostID', linux('gidMappings'), map({ hostID: id })],
    ['linux.devices[0].uid', linux('devices'), [{ ...device, uid: id }]],
    ['linux.devices[0].gid', linux('devices'), [{ ...device, gid: id }]],
    ['mounts[0].uidMappings[0].hostID', ['mounts'], mount({ uidMappings: map({ hostID: id }) })],
  ])('%s', (place, path, value) => {
    expect(() => validateSpec(changed(path, value))).toThrow(
      `${place}: found the number ${id}, allowed is an integer from 0 to 4294967294`,
    );
  });
});

it.each(['uid=4294967295', 'gid=4294967296'])('a mount option that is not an ID: %s', (option) => {
  expect(() => validateSpec(changed(['mounts'], mount({ options: ['mode=755', option] })))).toThrow(
    `mounts[0].options[1]: ${option} is more than an ID can be (4294967294)`,
  );
});

it('ranges of IDs that pass the highest, in the maps of a mount too', () => {
  const past = map({ containerID: 4294967294, size: 2 });
  const whole = map({ size: 4294967295 });
  const both = (maps: object) => mount({ uidMappings: maps, gidMappings: whole });
  expect(() => validateSpec(changed(['mounts'], both(past)))).toThrow(
    'mounts[0].uidMappings[0].size: the range from containerID 4294967294 on passes 4294967294',
  );
  expect(() => validateSpec(changed(['mounts'], both(whole)))).not.toThrow();
  // The kernel refuses a line whose end is 2^32 (kernel/user_namespace.c, map_write).
  expect(() => validateSpec(changed(['mounts'], both(map({ containerID: 1, size: 4294967295 }))))).toThrow(
    'the range from containerID 1 on passes 4294967294',
  );
});
