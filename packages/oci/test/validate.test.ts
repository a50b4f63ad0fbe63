import { describe, expect, it } from 'vitest';
import { serializeJson } from '../src/json.ts';
import { defaultSpec } from '../src/runtime/defaults.ts';
import type { Spec } from '../src/runtime/types.ts';
import { readProcess, readResources, readSpec, SpecError, validateSpec } from '../src/runtime/validate.ts';
import { changed, type Path } from './changed.ts';

function complaints(value: unknown): string {
  try {
    validateSpec(value);
  } catch (error) {
    expect(error).toBeInstanceOf(SpecError);
    return (error as Error).message;
  }
  return '';
}

it('accepts the default document without a word', () => {
  expect(validateSpec(defaultSpec()).warnings).toEqual([]);
});

describe('the shape', () => {
  it.each<[Path, unknown, string]>([
    [
      ['linux', 'resources', 'memory'],
      { limit: '512M' },
      'config.json: linux.resources.memory.limit: found the string "512M", allowed is a 64-bit integer',
    ],
    [['linux', 'resources', 'memory'], { limit: 1.5 }, 'found the number 1.5, allowed is a 64-bit integer'],
    [['process', 'args'], ['sh', 3], 'process.args[1]: found the number 3, allowed is a string'],
    [['process', 'args'], 'sh', 'process.args: found the string "sh", allowed is an array of strings'],
    [['process', 'cwd'], 'tmp', 'process.cwd: found the string "tmp", allowed is an absolute path'],
    [['process', 'cwd'], undefined, 'process.cwd: is missing'],
    [
      ['process', 'user'],
      { uid: -1, gid: 0 },
      'process.user.uid: found the number -1, allowed is an integer from 0 to 4294967294',
    ],
    [['process', 'args'], ['a\0b'], 'without a NUL character'],
    [['mounts', 0, 'destination'], '', 'mounts[0].destination: found an empty string'],
    [['mounts'], {}, 'mounts: found an object, allowed is an array'],
    [['annotations', 'a b'], 1, 'annotations["a b"]: found the number 1, allowed is a string'],
    [
      ['linux', 'namespaces', 0, 'type'],
      'pids',
      'namespaces[0].type: found the string "pids", allowed is one of',
    ],
    [['linux', 'namespaces', 0, 'type'], 'pids', 'pid was probably meant'],
    [['linux', 'seccomp'], { defaultAction: 'SCMP_ACT_ALOW' }, 'SCMP_ACT_ALLOW was probably meant'],
    [['linux', 'rootfsPropagation'], 'public', 'linux.rootfsPropagation'],
    [['hooks', 'poststop'], [{ path: 'bin/x' }], 'hooks.poststop[0].path'],
    [['process', 'rlimits', 0, 'soft'], 2n ** 64n, 'found the number 18446744073709551616'],
    [['ociVersion'], undefined, 'ociVersion: is missing'],
  ])('%s = %s', (path, value, words) => {
    expect(complaints(changed(path, value))).toContain(words);
  });

  it('tells of every problem at once, ten at most', () => {
    const text = complaints({ ociVersion: 1, process: { cwd: 2, args: Array(20).fill(0) } });
    expect(text).toContain('ociVersion: found the number 1');
    expect(text).toContain('process.cwd: found the number 2');
    expect(text).not.toContain('\n');
    expect(text.match(/: found /g)).toHaveLength(10);
    expect(text).toMatch(/and 12 more$/);
  });

  it.each([[null], [[]], ['x'], [7], [true]])('refuses %j for a document', (value) => {
    expect(complaints(value)).toContain('the document: found');
  });

  // All of these run under runc and crun.
  it.each([
    ['rlimits without numbers', ['process', 'rlimits'], [{ type: 'RLIMIT_CORE' }], { soft: 0, hard: 0 }],
    ['a console without a size', ['process', 'consoleSize'], {}, { height: 0, width: 0 }],
    ['a device without numbers', ['linux', 'devices'], [{ type: 'c', path: '/d' }], { major: 0, minor: 0 }],
    ['a rule that allows nothing', ['linux', 'resources'], { devices: [{}] }, { allow: false }],
    ['a null among annotations', ['annotations'], { a: null }, { a: '' }],
    [
      'a throttle without a rate',
      ['linux', 'resources'],
      { blockIO: { throttleReadBpsDevice: [{ major: 8, minor: 0 }] } },
      { rate: 0 },
    ],
    [
      'an argument of a filter without index and value',
      ['linux', 'seccomp'],
      {
        defaultAction: 'SCMP_ACT_ALLOW',
        syscalls: [{ names: ['x'], action: 'SCMP_ACT_LOG', args: [{ op: 'SCMP_CMP_EQ' }] }],
      },
      { index: 0, value: 0 },
    ],
  ])('reads %s as 0', (_what, path, value, meant) => {
    const read = JSON.stringify(validateSpec(changed(path, value)).value, (_, v) =>
      typeof v === 'bigint' ? Number(v) : v,
    );
    for (const [name, number] of Object.entries(meant))
      expect(read).toContain(`${JSON.stringify(name)}:${JSON.stringify(number)}`);
  });

  it('passes over ID maps where no user namespace is, and says so', () => {
    const { value, warnings } = validateSpec(
      changed(['linux', 'uidMappings'], [{ containerID: 0, hostID: 0, size: 1 }]),
    );
    expect(value.linux!.uidMappings).toBeUndefined();
    expect(warnings.map(({ path }) => path)).toContain('linux.uidMappings');
  });

  it.each([
    ['rwa', 'rw'],
    ['mx', 'm'],
  ])('reads the access %s as %s, and says so', (access, meant) => {
    const devices = [{ allow: true, access }];
    const { value, warnings } = validateSpec(changed(['linux', 'resources'], { devices }));
    expect(value.linux!.resources!.devices![0]!.access).toBe(meant);
    expect(warnings.map(({ path }) => path)).toContain('linux.resources.devices[0].access');
  });

  it.each(['v1.0.0', '1.2.3-dev'])('takes version %s', (version) => {
    expect(validateSpec(changed(['ociVersion'], version)).value.ociVersion).toBe(version);
  });

  it('takes an empty rootfsPropagation for none', () => {
    expect(validateSpec(changed(['linux', 'rootfsPropagation'], '')).value).toBeDefined();
  });

  it('removes what is null, as Go reads it', () => {
    const spec = changed(['linux', 'seccomp'], null);
    expect('seccomp' in validateSpec(spec).value.linux!).toBe(false);
  });

  it('keeps unknown properties and warns with what was probably meant', () => {
    const spec = changed(['process', 'noNewPrivilege'], true);
    const { value, warnings } = validateSpec(spec);
    expect((value.process as unknown as Record<string, unknown>).noNewPrivilege).toBe(true);
    expect(warnings).toEqual([
      {
        path: 'process.noNewPrivilege',
        message: 'unknown property, ignored; noNewPrivileges was probably meant',
        told: false,
      },
    ]);
  });

  it('tells of an unknown property that stands in a filter', () => {
    const told = (path: Path, value: unknown) =>
      validateSpec(changed(path, value)).warnings.map((w) => [w.path, w.told]);
    expect(told(['x.vendor'], 1)).toEqual([['["x.vendor"]', false]]);
    expect(told(['linux', 'maskedPath'], [])).toEqual([['linux.maskedPath', false]]);
    const syscall = { names: ['ptrace'], action: 'SCMP_ACT_ERRNO', includes: {} };
    expect(told(['linux', 'seccomp'], { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [syscall] })).toEqual([
      ['linux.seccomp.syscalls[0].includes', true],
    ]);
  });
});

/** As Go's encoding/json reads names, "preferring exact matches but also accepting a case-insensitive match". */
describe('a name that differs in case alone', () => {
  const seccomp = {
    DEFAULTACTION: 'SCMP_ACT_ALLOW',
    Syscalls: [
      {
        Names: ['ptrace'],
        Action: 'SCMP_ACT_ERRNO',
        Args: [{ Index: 0, Value: 1, OP: 'SCMP_CMP_EQ' }],
      },
    ],
  };
  const limit = { type: 'RLIMIT_CORE', soft: 0, hard: 0 };

  it.each<[string, Path, unknown, Path, unknown]>([
    ['linux.MASKEDPATHS', ['linux', 'MASKEDPATHS'], ['/x'], ['linux', 'maskedPaths'], ['/x']],
    ['linux.readonlypaths', ['linux', 'readonlypaths'], ['/x'], ['linux', 'readonlyPaths'], ['/x']],
    ['process.RLIMITS', ['process', 'RLIMITS'], [limit], ['process', 'rlimits'], [limit]],
    ['process.NONEWPRIVILEGES', ['process', 'NONEWPRIVILEGES'], true, ['process', 'noNewPrivileges'], true],
    ['HOOKS', ['HOOKS'], { Prestart: [{ Path: '/x' }] }, ['hooks'], { prestart: [{ path: '/x' }] }],
    [
      'linux.resources.hugepageLimits[0].pagesize',
      ['linux', 'resources'],
      { hugepageLimits: [{ pagesize: '2MB', limit: 1 }] },
      ['linux', 'resources'],
      { hugepageLimits: [{ pageSize: '2MB', limit: 1 }] },
    ],
    [
      'linux.Seccomp',
      ['linux', 'Seccomp'],
      seccomp,
      ['linux', 'seccomp'],
      {
        defaultAction: 'SCMP_ACT_ALLOW',
        syscalls: [
          {
            names: ['ptrace'],
            action: 'SCMP_ACT_ERRNO',
            args: [{ index: 0, value: 1, op: 'SCMP_CMP_EQ' }],
          },
        ],
      },
    ],
    // The Kelvin sign folds to k, the long s to s, as in Go.
    ['linux.ma\u017f\u212aedPaths', ['linux', 'ma\u017f\u212aedPaths'], [], ['linux', 'maskedPaths'], []],
  ])('%s is taken, with a warning', (place, path, value, meant, read) => {
    // The default document has some of these already.
    const spec = changed(meant, undefined) as Record<string, unknown>;
    const parent = path.slice(0, -1).reduce((at: never, part) => at[part], spec as never) as object;
    Object.assign(parent, { [path.at(-1)!]: structuredClone(value) });
    const { value: found, warnings } = validateSpec(spec);
    expect(meant.reduce((at: never, part) => at[part], found as never)).toEqual(read);
    expect(warnings.every((w) => w.told && w.message.startsWith('is read as '))).toBe(true);
    expect(warnings.map((w) => w.path)).toContain(
      /^[\w.[\]]+$/.test(place) ? place : `linux[${JSON.stringify(path[1])}]`,
    );
  });

  it('is checked as if it were written right', () => {
    expect(complaints(changed(['linux', 'Devices'], [{ type: 'x', path: '/x' }]))).toContain(
      'linux.devices[0].type: found',
    );
    expect(complaints(changed(['process', 'user'], { UID: -1, GID: 0 }))).toContain('process.user.uid');
  });

  it('is refused beside the right one: who reads both, reads them in different ways', () => {
    const spec = changed(['linux', 'SECCOMP'], null) as Spec;
    spec.linux!.seccomp = { defaultAction: 'SCMP_ACT_ERRNO' };
    expect(complaints(spec)).toContain('linux.SECCOMP: is there as seccomp too');
    const twice = { defaultAction: 'SCMP_ACT_ALLOW', Syscalls: [], SYSCALLS: [] };
    expect(complaints(changed(['linux', 'seccomp'], twice))).toContain('SYSCALLS: is there as syscalls too');
  });

  it('counts as absent where it is null', () => {
    expect('seccomp' in validateSpec(changed(['linux', 'SECCOMP'], null)).value.linux!).toBe(false);
  });

  it('stays as it is where names are free', () => {
    const spec = changed(['annotations'], { a: '1', A: '2' });
    expect(validateSpec(spec)).toMatchObject({ value: { annotations: { a: '1', A: '2' } }, warnings: [] });
  });
});

describe('the rules', () => {
  it.each<[string, Path, unknown, string]>([
    ['another major version', ['ociVersion'], '2.0.0', 'allowed is a version 1.x'],
    ['no version', ['ociVersion'], '1.0', 'SemVer'],
    ['no root', ['root'], undefined, 'root: is missing'],
    ['no process', ['process'], undefined, 'process: is missing'],
    ['no command', ['process', 'args'], [], 'process.args: is empty'],
    [
      'two of a namespace',
      ['linux', 'namespaces', 1],
      { type: 'pid' },
      'namespaces[1].type: pid is there a second time',
    ],
    ['a relative namespace', ['linux', 'namespaces', 0, 'path'], 'ns/pid', 'absolute path'],
    ['the host renamed', ['linux', 'namespaces'], [], 'hostname: needs a uts namespace'],
    [
      'an unknown limit',
      ['process', 'rlimits', 0, 'type'],
      'RLIMIT_NOFILES',
      'RLIMIT_NOFILE was probably meant',
    ],
    ['soft above hard', ['process', 'rlimits', 0, 'soft'], 4096, 'above the hard limit'],
    [
      'a bind of nothing',
      ['mounts', 0],
      { destination: '/x', options: ['rbind'] },
      'mounts[0].source: is missing',
    ],
    ['a mount of nothing', ['mounts', 0], { destination: '/x' }, 'mounts[0].type: is missing'],
    ['an idmap of nothing', ['mounts', 0, 'options'], ['idmap'], 'mounts[0].options: idmap needs'],
    [
      'half a map',
      ['mounts', 0, 'uidMappings'],
      [{ containerID: 0, hostID: 0, size: 1 }],
      'gidMappings: is missing',
    ],
    ['a clock of the host', ['linux', 'timeOffsets'], { monotonic: { secs: 1 } }, 'needs a time namespace'],
    ['a wrong interface', ['linux', 'netDevices'], { 'a/b': {} }, 'is not an interface name'],
    [
      'nobody to ask',
      ['linux', 'seccomp'],
      { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: ['x'], action: 'SCMP_ACT_NOTIFY' }] },
      'listenerPath: is missing',
    ],
    [
      'asking for everything',
      ['linux', 'seccomp'],
      { defaultAction: 'SCMP_ACT_NOTIFY' },
      'cannot be the default',
    ],
    [
      'an errno for nothing',
      ['linux', 'seccomp'],
      { defaultAction: 'SCMP_ACT_ALLOW', defaultErrnoRet: 1 },
      'takes no errno',
    ],
    [
      'metadata for nobody',
      ['linux', 'seccomp'],
      { defaultAction: 'SCMP_ACT_ALLOW', listenerMetadata: 'x' },
      'needs listenerPath',
    ],
    ['an empty annotation key', ['annotations'], { '': 'x' }, 'empty key'],
  ])('refuse %s', (_what, path, value, words) => {
    expect(complaints(changed(path, value))).toContain(words);
  });

  it.each(['windows', 'solaris', 'zos', 'vm', 'freebsd'])('refuse a document for %s', (section) => {
    const { linux: _, hostname: __, ...spec } = defaultSpec();
    expect(complaints({ ...spec, [section]: {} })).toContain('only Linux containers can be run here');
  });

  it.each(['1.0.0', '1.0.2-dev', '1.99.0', '1.3.0+build.5'])('accept version %s', (ociVersion) => {
    expect(complaints({ ...defaultSpec(), ociVersion })).toBe('');
  });

  it('refuse overlapping ID maps on either side', () => {
    const map = (...entries: number[][]) =>
      entries.map(([containerID, hostID, size]) => ({ containerID, hostID, size }));
    const withMap = (uidMappings: unknown) => {
      const spec = changed(['linux', 'uidMappings'], uidMappings) as Spec;
      spec.linux!.namespaces!.push({ type: 'user' });
      return complaints(spec);
    };
    expect(withMap(map([0, 1000, 1], [1, 100000, 65535]))).toBe('');
    expect(withMap(map([0, 1000, 10], [5, 100000, 10]))).toContain(
      'uidMappings[1].containerID: its range overlaps',
    );
    expect(withMap(map([0, 1000, 10], [10, 1009, 10]))).toContain(
      'uidMappings[1].hostID: its range overlaps',
    );
    expect(withMap(map([0, 4294967294, 2]))).toContain('passes 4294967294');
    expect(withMap(map([0, 0, 0]))).toContain('size: found 0');
  });

  it('warn of unknown capabilities and of relative destinations, which are read from the root', () => {
    const spec = changed(['process', 'capabilities', 'bounding'], ['CAP_FLY', 'CAP_KILL']) as Spec;
    spec.mounts![0]!.destination = 'proc';
    expect(validateSpec(spec).warnings.map((w) => w.path)).toEqual([
      'mounts[0].destination',
      'process.capabilities.bounding[0]',
    ]);
  });

  it('ask less of a draft', () => {
    expect(() => validateSpec({ hostname: 'x', process: { args: [] } }, 'draft')).not.toThrow();
    expect(() => validateSpec({ hostname: 3 }, 'draft')).toThrow(SpecError);
  });
});

it('reads a process, resources and a whole document from bytes', () => {
  expect(readProcess('{"cwd":"/","args":["id"]}', 'p.json').value.args).toEqual(['id']);
  expect(() => readProcess('{"cwd":"/"}', 'p.json')).toThrow('p.json: args: is empty');
  expect(readResources('{"memory":{"limit":-1}}', '-').value.memory?.limit).toBe(-1);
  expect(() => readResources('{"memory":{"limit":"x"}}', 'stdin')).toThrow('stdin: memory.limit: found');
  const spec = defaultSpec();
  spec.process!.rlimits![0]!.hard = 2n ** 64n - 1n;
  expect(readSpec(Buffer.from(serializeJson(spec))).value.process!.rlimits![0]!.hard).toBe(2n ** 64n - 1n);
});

it('takes well under a millisecond', () => {
  const text = serializeJson(defaultSpec(), '\t');
  for (let i = 0; i < 200; i++) readSpec(text);
  // The fastest: a busy machine can only make it slower.
  let fastest = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 200; i++) {
    const start = performance.now();
    readSpec(text);
    fastest = Math.min(fastest, performance.now() - start);
  }
  expect(fastest).toBeLessThan(1);
});
