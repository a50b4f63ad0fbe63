import type { IntelRdt } from '@ctr-tools/oci';
import { compile, explain } from '@ctr-tools/plan';
import { describe, expect, test } from 'vitest';
import type { Facts } from '../src/facts.ts';
import { cgroupRecord } from '../src/groups.ts';
import { rdtDirectories } from '../src/rdt.ts';
import { enter, mustStay, steps } from '../src/steps.ts';
import { facts, lines, root, v1Abilities, v1Group, v2Abilities, v2Group } from './fixtures.ts';

const limits = { ociVersion: '1.2.0', linux: { resources: { memory: { limit: 1 << 26 } } } };
const command = { container: false, lifetime: 'command', variable: '/web' } as const;

describe('a command on v1', () => {
  const host = facts(
    [v1Group(['memory']), v1Group(['cpuset'], 'web', { inherit: { cpus: '0-1', mems: '0' } })],
    v1Abilities,
    command,
  );
  test('the groups are made and filled before the process enters them by itself', () => {
    expect(lines(steps(limits, host))).toEqual([
      'mkdir path=/cg/memory/web mode=0755',
      'mkdir path=/cg/cpuset/web mode=0755',
      'write path=/cg/cpuset/web/cpuset.cpus data=0-1',
      'write path=/cg/cpuset/web/cpuset.mems data=0',
      'cgroup_mark path=/cg/memory/web name=memory.oom_control value=0   [unless any]',
      'write path=/cg/memory/web/memory.limit_in_bytes data=67108864',
      'write path=/cg/memory/web/tasks data=0',
      'write path=/cg/cpuset/web/tasks data=0',
      'setenv name=CTR_CGROUP value=/web',
    ]);
  });
  test('somebody stays to remove them, unless they are kept or only joined', () => {
    expect(mustStay(host)).toBe(true);
    expect(mustStay({ ...host, lifetime: 'kept' })).toBe(false);
    expect(mustStay({ ...host, join: true })).toBe(false);
  });
  test('they go at the end, or only after a failure where they are kept', () => {
    const undoings = (lifetime: 'command' | 'kept') =>
      steps(limits, { ...host, lifetime })
        .filter((s) => s.op === 'mkdir')
        .map((s) => `${s.undo!.op} ${s.undo!.when}`);
    expect(undoings('command')).toEqual(['cgroup_end end', 'cgroup_end end']);
    expect(undoings('kept')).toEqual(['cgroup_remove failure', 'cgroup_remove failure']);
    const marked = (lifetime: 'command' | 'kept') =>
      steps(limits, { ...host, lifetime }).filter((s) => s.op === 'cgroup_mark' && s.args.name === 'keep')
        .length;
    expect([marked('command'), marked('kept')]).toEqual([0, 2]);
  });
});

describe('a container on v2', () => {
  test('controllers come down the tree, needed ones or all that work, and the process is born inside', () => {
    const group = v2Group({
      controllers: ['memory', 'pids'],
      directory: '/cg/a/b/web',
      missing: ['/cg/a/b', '/cg/a/b/web'],
    });
    const spec = {
      ...limits,
      linux: { resources: { ...limits.linux.resources, devices: [{ allow: false, access: 'rwm' }] } },
    };
    expect(lines(steps(spec, facts([group], v2Abilities)))).toEqual([
      'write path=/cg/cgroup.subtree_control data=+pids   [unless any]',
      'write path=/cg/a/cgroup.subtree_control data=+memory',
      'write path=/cg/a/cgroup.subtree_control data=+pids   [unless any]',
      'mkdir path=/cg/a/b mode=0755   [unless EEXIST]',
      'write path=/cg/a/b/cgroup.subtree_control data=+memory',
      'write path=/cg/a/b/cgroup.subtree_control data=+pids   [unless any]',
      'mkdir path=/cg/a/b/web mode=0755',
      'write path=/cg/a/b/web/memory.max data=67108864',
      'open path=/cg/a/b/web flags=DIRECTORY|CLOEXEC mode=00 fd→{cgroup}',
      expect.stringMatching(/^device_filter path=\/cg\/a\/b\/web program=<\d+ bytes> beside=0$/),
    ]);
  });

  test('groups made on the way go again if nobody else is in them', () => {
    const group = v2Group({ directory: '/cg/a/b/web', missing: ['/cg/a/b', '/cg/a/b/web'] });
    const plan = compile([steps(limits, facts([group], v2Abilities))], { tool: 'x', exit: 1 });
    expect(explain(plan)).toContain('[undo at end: remove path=/cg/a/b what=vacant]');
  });
});

describe("v2's rule against processes in inner groups", () => {
  const above = (more: object) => [
    root,
    { directory: '/cg/a', enabled: [], root: false, populated: true, ours: false, ...more },
  ];
  test('a group with processes of others is left alone, with a word about it', () => {
    const group = v2Group({ above: above({}) });
    expect(() => steps(limits, facts([group], v2Abilities, command))).toThrow('no internal processes');
  });
  test('the group of an outer cg-limit is emptied into a leaf first', () => {
    const group = v2Group({ above: above({ ours: true }) });
    expect(lines(steps(limits, facts([group], v2Abilities, command)))).toContain(
      'cgroup_vacate path=/cg/a leaf=/cg/a/own',
    );
  });
  test('nothing needs to be enabled: nothing happens', () => {
    const group = v2Group({ above: above({ enabled: ['memory'] }) });
    expect(lines(steps(limits, facts([group], v2Abilities, command)))[0]).toMatch(/^mkdir/);
  });
});

describe('without privilege', () => {
  const closed = v2Group({ writable: false });
  const rootless = { rootless: true };
  test('a container without limits has no group and no error', () => {
    const found = facts([closed], v2Abilities, rootless);
    expect(steps({ ociVersion: '1.2.0' }, found)).toEqual([]);
    expect(cgroupRecord(found)).toBeUndefined();
  });
  test('a limit that was asked for is an error', () =>
    expect(() => steps(limits, facts([closed], v2Abilities, rootless))).toThrow(
      'cannot be made by this user',
    ));
  test('root is told that the filesystem cannot be written', () =>
    expect(() => steps({ ociVersion: '1.2.0' }, facts([closed], v2Abilities))).toThrow(
      'cannot be written; mount it read-write',
    ));
  test('a hierarchy that is delegated is used, the others are not', () => {
    const found = facts(
      [v1Group(['memory'], 'web', { writable: false }), v2Group()],
      { ...v2Abilities, carriers: { unified: 2 } },
      rootless,
    );
    expect(cgroupRecord(found)).toEqual({ manager: 'files', paths: { unified: '/cg/a/web' } });
  });
});

describe('a group that is there already', () => {
  const there = (populated: boolean) => v2Group({ exists: true, populated, missing: [] });
  test('in use', () => {
    expect(() => steps(limits, facts([there(true)], v2Abilities))).toThrow(
      'choose another linux.cgroupsPath',
    );
    expect(() => steps(limits, facts([there(true)], v2Abilities, command))).toThrow(
      'is in use; --join enters it',
    );
  });
  test('empty: a container takes it, and it is not removed after a failure', () => {
    const found = steps(limits, facts([there(false)], v2Abilities));
    expect(found.some((s) => s.op === 'mkdir' || s.undo?.op === 'cgroup_remove')).toBe(false);
  });
  test('empty: a command has to say that it joins', () =>
    expect(() => steps(limits, facts([there(false)], v2Abilities, command))).toThrow('exists already'));
  test('joined: entered, and nothing else', () => {
    const join = facts([there(true)], v2Abilities, { ...command, join: true });
    expect(lines(steps({ ociVersion: '1.2.0' }, join))).toEqual([
      'write path=/cg/a/web/cgroup.procs data=0',
      'setenv name=CTR_CGROUP value=/web',
    ]);
  });
  test('joined but missing', () =>
    expect(() =>
      steps({ ociVersion: '1.2.0' }, facts([v2Group()], v2Abilities, { ...command, join: true })),
    ).toThrow('there is no such group'));
});

test('on v1 devices are denied and allowed by files, as runc leaves them', () => {
  const found = steps({ ociVersion: '1.2.0' }, facts([v1Group(['devices'])], v1Abilities));
  const written = lines(found).filter((l) => l.includes('devices.'));
  expect(written[0]).toBe('write path=/cg/devices/web/devices.deny data=a');
  expect(written).toContain('write path=/cg/devices/web/devices.allow data="c 1:3 rwm"');
  expect(written).toContain('write path=/cg/devices/web/devices.allow data="c 10:200 rwm"');
  expect(written).toHaveLength(12);
});

describe('intelRdt', () => {
  const spec = {
    ociVersion: '1.2.0',
    linux: { intelRdt: { closID: 'gold', l3CacheSchema: 'L3:0=f\nMB:0=10', memBwSchema: 'MB:0=20' } },
  };
  test('needs resctrl', () => expect(() => steps(spec, facts([], v2Abilities))).toThrow('mount -t resctrl'));
  test('the class is made, its schemata written, the process enters', () => {
    expect(lines(steps(spec, facts([], v2Abilities, { resctrl: '/rdt' })))).toEqual([
      'mkdir path=/rdt/gold mode=0755   [unless EEXIST]',
      'write path=/rdt/gold/schemata data="L3:0=f\\n"',
      'write path=/rdt/gold/schemata data="MB:0=20\\n"',
      'write path=/rdt/gold/tasks data=0',
    ]);
  });
  const rdt = (intelRdt: IntelRdt, more: Partial<Facts> = {}) => ({
    spec: { ociVersion: '1.3.0', linux: { intelRdt } },
    host: facts([], v2Abilities, { resctrl: '/rdt', ...more }),
  });
  const told = (intelRdt: IntelRdt, more?: Partial<Facts>) => {
    const { spec: of, host } = rdt(intelRdt, more);
    return lines(steps(of, host));
  };
  test('nothing of it without the section', () => {
    expect(steps({ ociVersion: '1.3.0' }, facts([], v2Abilities, { resctrl: '/rdt' }))).toEqual([]);
  });
  test('the default class is the root of resctrl', () => {
    expect(told({ closID: '/', schemata: ['L3:0=f'] })).toEqual([
      'write path=/rdt/schemata data="L3:0=f\\n"',
      'write path=/rdt/tasks data=0',
    ]);
  });
  test('a class without schemata has to be there, and is only entered', () => {
    expect(told({ closID: 'gold' })).toEqual(['write path=/rdt/gold/tasks data=0']);
  });
  test('a class of its own goes with the container, and so does what counts it', () => {
    const { spec: of, host } = rdt({ enableMonitoring: true, schemata: ['MB:0=50'] }, { id: 'id' });
    expect(lines(steps(of, host))).toEqual([
      'mkdir path=/rdt/id mode=0755',
      'write path=/rdt/id/schemata data="MB:0=50\\n"',
      'mkdir path=/rdt/id/mon_groups/id mode=0755',
      'write path=/rdt/id/tasks data=0',
      'write path=/rdt/id/mon_groups/id/tasks data=0',
    ]);
    expect(steps(of, host).flatMap((s) => s.undo?.op ?? [])).toEqual(['remove', 'remove']);
    expect(rdtDirectories(of, host)).toEqual(['/rdt/id/mon_groups/id', '/rdt/id']);
  });
  test('a named class stays', () => {
    const { spec: of, host } = rdt(
      { closID: 'gold', l3CacheSchema: 'L3:0=f', enableMonitoring: true },
      { id: 'id' },
    );
    expect(rdtDirectories(of, host)).toEqual(['/rdt/gold/mon_groups/id']);
    expect(steps(of, host)[0]!.undo).toBeUndefined();
  });
  test('a class that is there with other schemata is an error', () => {
    const schemata = '    MB:0=100;1=100\n    L3:0=00f;1=7ff\n';
    expect(told({ closID: 'gold', l3CacheSchema: 'L3:0=f;1=7FF' }, { schemata })).toHaveLength(3);
    expect(() => told({ closID: 'gold', l3CacheSchema: 'L3:0=ff' }, { schemata })).toThrow(
      'is there with other schemata than L3:0=ff',
    );
  });
});

test('a further process enters the groups of a container', () => {
  const groups = [
    { version: 1, directory: '/c/web' },
    { version: 1, directory: '/p/web' },
    { version: 2, directory: '/u/web' },
  ] as const;
  expect(lines(enter(groups, true))).toEqual([
    'open path=/u/web flags=DIRECTORY|CLOEXEC mode=00 fd→{cgroup}',
    'write path=/c/web/tasks data=0',
    'write path=/p/web/tasks data=0',
  ]);
  expect(lines(enter(groups, false)).at(-1)).toBe('write path=/u/web/cgroup.procs data=0');
});
