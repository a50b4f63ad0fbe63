import { type AnyStep, inOrder } from '@ctr-tools/plan';
import { expect, test } from 'vitest';
import { settingsOf } from '../src/settings.ts';
import { steps } from '../src/steps.ts';
import { deviceProperties, propertiesOf, wireProperty } from '../src/systemd/properties.ts';
import { facts, lines, v1Abilities, v1Group, v2Abilities, v2Group } from './fixtures.ts';

test('limits as properties', () => {
  const resources = {
    memory: { limit: 1 << 26, swap: -1 },
    cpu: { shares: 1024, quota: 33_333, period: 100_000, cpus: '0,9' },
    pids: { limit: -1 },
    unified: { 'memory.high': '1000' },
  };
  expect(propertiesOf(settingsOf(resources, v2Abilities))).toEqual([
    ['MemorySwapMax', 't', '18446744073709551615'],
    ['MemoryMax', 't', '67108864'],
    ['CPUWeight', 't', '100'],
    ['CPUQuotaPeriodUSec', 't', '100000'],
    ['CPUQuotaPerSecUSec', 't', '340000'],
    ['AllowedCPUs', 'ay', [1, 2]],
    ['TasksMax', 't', '18446744073709551615'],
    ['MemoryHigh', 't', '1000'],
  ]);
});

test('limits for devices of block I/O as properties', () => {
  const blockIO = {
    weight: 500,
    weightDevice: [{ major: 8, minor: 0, weight: 1000 }],
    throttleReadBpsDevice: [{ major: 8, minor: 0, rate: 1000 }],
    throttleWriteIOPSDevice: [
      { major: 8, minor: 0, rate: 20 },
      { major: 8, minor: 16, rate: 0 },
    ],
  };
  expect(propertiesOf(settingsOf({ blockIO }, v2Abilities)).map(wireProperty)).toEqual([
    ['IODeviceWeight', ['a(st)', [['/dev/block/8:0', 10000n]]]],
    ['IOReadBandwidthMax', ['a(st)', [['/dev/block/8:0', 1000n]]]],
    [
      'IOWriteIOPSMax',
      [
        'a(st)',
        [
          ['/dev/block/8:0', 20n],
          ['/dev/block/8:16', (1n << 64n) - 1n],
        ],
      ],
    ],
    ['IOWeight', ['t', 4950n]],
  ]);
  const bfq = { ...v2Abilities, ioWeightFile: 'io.bfq.weight' } as const;
  expect(propertiesOf(settingsOf({ blockIO: { weight: 300 } }, bfq))).toEqual([['IOWeight', 't', '2300']]);
});

test('a list of devices as properties, where systemd has words for it', () => {
  const exceptions = [
    { type: 'c', major: 1, minor: 3, access: 'rwm' },
    { type: 'b', major: 8, minor: -1, access: 'r' },
    { type: 'c', major: -1, minor: -1, access: 'm' },
  ] as const;
  expect(deviceProperties({ allow: false, exceptions })).toEqual([
    ['DevicePolicy', 's', 'strict'],
    ['DeviceAllow', 'a(ss)', []],
    [
      'DeviceAllow',
      'a(ss)',
      [
        ['/dev/char/1:3', 'rwm'],
        ['block-8', 'r'],
        ['char-*', 'm'],
      ],
    ],
  ]);
  expect(deviceProperties({ allow: true, exceptions: [] })).toEqual([
    ['DevicePolicy', 's', 'auto'],
    ['DeviceAllow', 'a(ss)', []],
  ]);
  const [denied] = exceptions;
  expect(deviceProperties({ allow: true, exceptions: [denied] })).toBeUndefined();
  expect(
    deviceProperties({ allow: false, exceptions: [{ type: 'c', major: -1, minor: 3, access: 'r' }] }),
  ).toBeUndefined();
});

test('the process waits until it is in its scope and all limits stand', () => {
  const unit = {
    name: 'ctr-web.scope',
    slice: 'system.slice',
    user: false,
    socket: '/run/systemd/private',
  };
  const directory = '/cg/system.slice/ctr-web.scope';
  const found = steps(
    { ociVersion: '1.2.0', linux: { resources: { memory: { limit: 1 << 26 } } } },
    facts([v2Group({ directory, missing: [], above: [], bySystemd: true })], v2Abilities, {
      manager: 'systemd',
      unit,
      container: false,
      lifetime: 'kept',
      variable: '/system.slice/ctr-web.scope',
    }),
  );
  expect(lines(found)).toEqual([
    'self_pid pid→{own.pid}',
    expect.stringMatching(
      /^ask topic=cg-limit\/scope payload=.*"pid\\":\{own.pid\},\\"name\\":\\"ctr-web.scope\\".* reply→\{scope\} socket=\/run\/systemd\/private$/,
    ),
    `write path=${directory}/memory.max data=67108864`,
    expect.stringContaining('setenv name=CTR_CGROUP'),
  ]);
  expect(found.filter((s) => ['notify', 'await'].includes(s.op)).map((s) => `${s.side} ${s.op}`)).toEqual([
    'host notify',
    'container await',
  ]);
});

test('a slice has the limits, and the process a scope in it', () => {
  const unit = {
    name: 'a-b.slice',
    slice: 'a.slice',
    scope: 'web.scope',
    user: false,
    socket: '/run/systemd/private',
  };
  const directory = '/cg/a.slice/a-b.slice';
  const spec = { ociVersion: '1.2.0', linux: { resources: { memory: { limit: 1 << 26 } } } };
  const slice = (more: object, lifetime: 'command' | 'kept') =>
    steps(
      spec,
      facts([v2Group({ directory, missing: [], above: [], bySystemd: true, ...more })], v2Abilities, {
        manager: 'systemd',
        unit,
        container: false,
        lifetime,
      }),
    );
  const asked = (found: readonly AnyStep[]) => {
    const { payload } = found.find(({ op }) => op === 'ask')!.args as { payload: { parts: unknown[] } };
    const text = payload.parts.map((part) => (typeof part === 'string' ? part : '0')).join('');
    return JSON.parse(text) as Record<'name' | 'properties', unknown> & { slice: Record<string, unknown> };
  };
  const { name, properties, slice: around } = asked(slice({}, 'command'));
  expect([name, around.name]).toEqual(['web.scope', 'a-b.slice']);
  expect(properties).toContainEqual(['Slice', 's', 'a-b.slice']);
  expect(properties).not.toContainEqual(['MemoryMax', 't', '67108864']);
  expect(around.properties).toContainEqual(['MemoryMax', 't', '67108864']);
  expect(around.properties).toContainEqual(['StopWhenUnneeded', 'b', true]);
  expect(JSON.stringify(around.properties)).not.toMatch(/Delegate|"Slice"/);
  expect(lines(slice({}, 'command'))).toContain(`write path=${directory}/memory.max data=67108864`);
  expect(JSON.stringify(asked(slice({}, 'kept')).slice)).not.toContain('StopWhenUnneeded');
  expect(() => slice({ exists: true }, 'command')).toThrow('a-b.slice::NAME is a scope in it');
});

test('hierarchies of v1 that systemd leaves alone get a group at the same place', () => {
  const unit = { name: 'ctr-web.scope', slice: 'system.slice', user: false, socket: '/run/systemd/private' };
  const memory = { ...v1Group(['memory'], 'system.slice/ctr-web.scope'), missing: [], bySystemd: true };
  const found = steps(
    { ociVersion: '1.2.0', linux: { resources: { memory: { limit: 1 << 26 }, network: { classID: 5 } } } },
    facts([memory, v1Group(['net_cls'], 'system.slice/ctr-web.scope')], v1Abilities, {
      manager: 'systemd',
      unit,
      rootless: true,
    }),
  );
  const written = lines(found).filter((line) => !line.startsWith('ask'));
  expect(written).toEqual([
    'mkdir path=/cg/net_cls/system.slice/ctr-web.scope mode=0755',
    'write path=/cg/memory/system.slice/ctr-web.scope/memory.limit_in_bytes data=67108864',
    'write path=/cg/net_cls/system.slice/ctr-web.scope/net_cls.classid data=5',
    'write path=/cg/net_cls/system.slice/ctr-web.scope/tasks data=0',
  ]);
});

test('the devices of v1 are limited once systemd has made the group, and before anybody goes on in it', () => {
  const unit = { name: 'ctr-web.scope', slice: 'system.slice', user: false, socket: '/run/systemd/private' };
  const devices = { ...v1Group(['devices'], 'system.slice/ctr-web.scope'), missing: [], bySystemd: true };
  const found = steps(
    { ociVersion: '1.2.0', linux: { resources: { devices: [{ allow: false, access: 'rwm' }] } } },
    facts([devices], v1Abilities, { manager: 'systemd', unit }),
  );
  const told = inOrder(found).map(({ op, args }) =>
    op === 'write' ? String(args.path).replace(/\.(?:allow|deny)$/, '') : op,
  );
  expect([...new Set(told)]).toEqual([
    'ask',
    '/cg/devices/system.slice/ctr-web.scope/devices',
    'notify',
    'await',
  ]);
});

test('who leaves a service that is not delegated is part of it, and one line says so', () => {
  const unit = { name: 'x.scope', slice: 'system.slice', user: false, socket: '/run/systemd/private' };
  const group = { ...v2Group(), bySystemd: true };
  const made = steps({} as never, {
    ...facts([group], v2Abilities, { manager: 'systemd', unit, leaves: 'web.service' }),
    container: false,
  });
  const asked = made.find((one) => one.op === 'ask')!;
  expect(JSON.stringify(asked.args.payload)).toContain('PartOf');
  expect(JSON.stringify(asked.args.payload)).toContain('web.service');
  const said = made.find((one) => one.op === 'print')!;
  expect(said.args.text).toMatch(/^cg-limit: the command leaves web\.service for a scope of its own, /);
  const beside = steps({} as never, facts([v2Group()], v2Abilities, { leaves: 'web.service' }));
  expect(beside.find((one) => one.op === 'print')?.args.text).toMatch(
    /leaves web\.service for a group beside/,
  );
});
