import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readAttributesBy } from '@ctr-tools/host';
import { slot, step } from '@ctr-tools/plan';
import { describe, expect, test } from 'vitest';
import { tempDir } from '../../../test/support.ts';
import type { Hierarchy } from '../src/layout.ts';
import {
  checkPath,
  checkVariable,
  directoryIn,
  freeName,
  parentIn,
  parseApart,
  variableFor,
  withoutDots,
} from '../src/place.ts';
import { ownUnit, slicePath, unitFor } from '../src/systemd/choose.ts';
import { View } from '../src/view.ts';
import { host } from './fixtures.ts';

const v1 = (mountPoint: string, name: string, path = '/'): Hierarchy => ({
  id: 1,
  controllers: [name],
  path,
  version: 1,
  mountPoint,
  root: '/',
  directory: path === '/' ? mountPoint : join(mountPoint, path),
});
const v2 = (mountPoint: string, path = '/'): Hierarchy => ({
  ...v1(mountPoint, '', path),
  controllers: [],
  version: 2,
});

test.each([
  ['/a/./b/../c', '/a/c'],
  ['a/b/..', 'a'],
  ['/../x', '/../x'],
  ['a/../../x', 'a/../../x'],
  ['system.slice:a..b:c', 'system.slice:a..b:c'],
])("a container's path %s is %s", (path, meant) => {
  expect(withoutDots(path)).toBe(meant);
});

describe('below which group a new one goes', () => {
  const mount = tempDir('place');
  mkdirSync(join(mount, 'user/session'), { recursive: true });
  for (const d of ['user', 'user/session']) writeFileSync(join(mount, d, 'cgroup.events'), 'populated 1\n');
  const view = new View();
  test('v1: the own one', () =>
    expect(parentIn(v1(mount, 'cpu', '/user'), view, undefined).directory).toBe(`${mount}/user`));
  test('v2: beside the own one, which has processes', () =>
    expect(parentIn(v2(mount, '/user/session'), view, undefined).directory).toBe(`${mount}/user`));
  test('v2: below the root, which may have both', () =>
    expect(parentIn(v2(mount), view, undefined).directory).toBe(mount));
  test('the one that CTR_CGROUP names; ours where the caller is in it', () => {
    expect(parentIn(v2(mount, '/user/session'), view, '/user/session')).toEqual({
      directory: `${mount}/user/session`,
      ours: true,
    });
    expect(parentIn(v2(mount, '/user/session'), view, '/user')).toEqual({
      directory: `${mount}/user`,
      ours: false,
    });
  });
  test('v2: the own one, where that is a unit of systemd which is delegated; else as ever', () => {
    mkdirSync(join(mount, 'system.slice/web.service/own'), { recursive: true });
    for (const d of ['', '/web.service', '/web.service/own'])
      writeFileSync(join(mount, `system.slice${d}`, 'cgroup.events'), 'populated 1\n');
    const unit = `${mount}/system.slice/web.service`;
    const own = v2(mount, '/system.slice/web.service');
    expect(parentIn(own, view, undefined, unit)).toEqual({ directory: unit, ours: true });
    expect(parentIn(own, view, undefined)).toEqual({ directory: `${mount}/system.slice`, ours: false });
    const below = v2(mount, '/system.slice/web.service/own');
    expect(parentIn(below, view, undefined, unit)).toEqual({ directory: unit, ours: false });
    expect(ownUnit([below], view)).toEqual({ name: 'web.service', directory: unit, delegated: false });
    readAttributesBy((path, name) => (path === unit && name === 'user.delegate' ? '1' : undefined));
    expect(ownUnit([below], view)?.delegated).toBe(true);
    expect(ownUnit([v2(mount, '/user')], view)).toBeUndefined();
  });
  test('in a fused chain: the one that the link before makes', () => {
    const earlier = [
      step('cgroup', 'mkdir', { path: `${mount}/outer`, mode: 0o755 }, 'x', { side: 'host' }),
      step('cgroup', 'open', { path: `${mount}/outer`, flags: 0, mode: 0, fd: slot('cgroup') }, 'x', {
        side: 'host',
      }),
    ];
    expect(parentIn(v2(mount), new View(earlier), '/outer')).toEqual({
      directory: `${mount}/outer`,
      ours: true,
    });
    expect(new View(earlier).populated(`${mount}/outer`)).toBe(true);
  });
  test('in a fused chain: the one that the link before enters by a descriptor (ns-enter --join-cgroup)', () => {
    const fd = slot('cgroup.0');
    const path = `${mount}/other/cgroup.procs`;
    const earlier = [
      step('descriptors', 'open', { path, flags: 1, mode: 0, fd }, 'x', { side: 'host' }),
      step('cgroup-join', 'write_fd', { fd, data: '0' }, 'x'),
    ];
    expect(new View(earlier).joinedBelow(mount)).toBe(`${mount}/other`);
    expect(new View(earlier.slice(0, 1)).joinedBelow(mount)).toBeUndefined();
  });
  test('in a fused chain: the root of the hierarchy, where the link before enters that', () => {
    const earlier = [step('cgroup-join', 'write', { path: `${mount}/tasks`, data: '0' }, 'x')];
    expect(new View(earlier).joinedBelow(mount)).toBe(mount);
    expect(new View(earlier).joinedBelow(`${mount}-other`)).toBeUndefined();
  });
  test('a name that is not taken', () => {
    mkdirSync(join(mount, 'x'));
    expect(freeName('x', [mount], view)).toBe('x-2');
    expect(freeName('y', [mount], view)).toBe('y');
  });
});

test('CTR_CGROUP says where each hierarchy has its group, and is understood again', () => {
  const groups = [
    { hierarchy: v1('/m', 'memory'), directory: '/m/deep/a' },
    { hierarchy: v1('/c', 'cpu'), directory: '/c/a' },
    { hierarchy: v2('/u'), directory: '/u/a' },
  ];
  const text = variableFor(groups);
  expect(text).toBe('memory=/deep/a;*=/a');
  expect(groups.map((g) => directoryIn(g.hierarchy, text))).toEqual(groups.map((g) => g.directory));
  expect(variableFor(groups.slice(1))).toBe('/a');
  expect(parseApart('/a=/b')).toBeUndefined();
});

describe('units of systemd', () => {
  test.each([
    ['system.slice:ctr:web', { name: 'ctr-web.scope', slice: 'system.slice', user: false }],
    [':ctr:web', { name: 'ctr-web.scope', slice: 'system.slice', user: false }],
    ['machine.slice::web', { name: '-web.scope', slice: 'machine.slice', user: false }],
  ])('%s', (path, unit) => expect(unitFor(path, 'id', host, true)).toMatchObject(unit));
  test("a command's own unit has no dash where no prefix is", () =>
    expect(unitFor('machine.slice::web', 'id', host, false)).toMatchObject({ name: 'web.scope' }));
  test.each([
    ['/a/b', 'slice:prefix:name'],
    ['system:ctr:web', 'is not a slice'],
    ['system.slice:ctr:web:more', 'not "system.slice:ctr:web:more"'],
    ['a.slice:b:c d', 'is not a name for a unit'],
    ['::a.slice', 'holds units and no processes'],
  ])('%s is refused', (path, words) => expect(() => unitFor(path, 'id', host, true)).toThrow(words));
  test.each([
    ['::a.slice', { name: 'a.slice', slice: '-.slice', scope: 'id.scope' }],
    ['a.slice::a-b.slice', { name: 'a-b.slice', slice: 'a.slice', scope: 'id.scope' }],
  ])('%s is a slice with a scope in it', (path, unit) =>
    expect(unitFor(path, 'id', host, false)).toMatchObject(unit),
  );
  test.each([
    ['system.slice::a.slice', 'lies in -.slice'],
    [':x:a-b.slice', 'give it as ::a-b.slice'],
    ['::a--b.slice', 'is not a slice'],
    ['::-.slice', 'the whole machine'],
    ['::a b.slice', 'is not a name for a unit'],
  ])('as a slice %s is refused', (path, words) =>
    expect(() => unitFor(path, 'id', host, false)).toThrow(words),
  );
  test('a slice lies in the slices that its name begins with', () => {
    expect(slicePath('user-1000.slice')).toBe('user.slice/user-1000.slice');
    expect(slicePath('-.slice')).toBe('');
    expect(() => slicePath('a--b.slice')).toThrow('not a slice');
  });
});

test('CTR_CGROUP is a path below the roots, and never climbs', () => {
  for (const fine of ['/a/b', '/', 'memory=/a/b;*=/']) checkVariable(fine);
  for (const text of ['/../../x', '/a/../../..', 'memory=/a;*=/../x'])
    expect(() => checkVariable(text)).toThrow(/^CTR_CGROUP ".*" climbs/);
});

test.for(['system.slice:x:', 'system.slice::a/b', '::', 'a::/b', 'a.slice:b:c:d'])(
  'no unit of systemd’s is %s',
  (path) => {
    expect(() => checkPath(path, '--cgroup')).toThrow('slice:prefix:name');
  },
);
