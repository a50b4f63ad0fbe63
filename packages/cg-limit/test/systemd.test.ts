import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { type AnyStep, inOrder } from '@ctr-tools/plan';
import { afterEach, describe, expect, test } from 'vitest';
import { tempDir } from '../../../test/support.ts';
import { settingsOf } from '../src/limits/index.ts';
import { steps } from '../src/steps.ts';
import { startScope, stopUnit } from '../src/systemd/answer.ts';
import { deviceProperties, propertiesOf, wireProperty } from '../src/systemd/properties.ts';
import {
  decodeMessage,
  encodeMessage,
  MESSAGE,
  type Message,
  Reader,
  typesOf,
  Writer,
} from '../src/systemd/wire.ts';
import { facts, lines, v1Abilities, v1Group, v2Abilities, v2Group } from './fixtures.ts';

describe('the wire format', () => {
  test('a message is what the specification draws', () => {
    // dbus-send --type=method_call of Ping, computed by hand from "Message Format".
    const bytes = encodeMessage({
      type: MESSAGE.CALL,
      serial: 1,
      path: '/a',
      member: 'M',
      signature: 's',
      body: ['hi'],
    });
    expect(bytes.toString('hex')).toBe(
      [
        '6c010001',
        '07000000',
        '01000000',
        '27000000', // l, call, no flags, 1; body 7; serial 1; fields 39
        '01016f00',
        '02000000',
        '2f6100',
        '0000000000', // path
        '03017300',
        '01000000',
        '4d00',
        '000000000000', // member
        '08016700',
        '017300',
        '00', // signature, padding of the header to 8
        ...['02000000', '686900'],
      ].join(''),
    );
  });

  test('a signature falls into its types', () =>
    expect(typesOf('ssa(sv)a(sa(sv))u')).toEqual(['s', 's', 'a(sv)', 'a(sa(sv))', 'u']));

  test('the padding before the first element is not part of an array', () => {
    const writer = new Writer();
    writer.write('at', [1n]);
    expect(writer.done().toString('hex')).toBe('08000000' + '00000000' + '0100000000000000');
  });

  test('all comes back', () => {
    const signature = 'a(sv)tbuyas(so)';
    const body = [
      [
        ['A', ['t', (1n << 64n) - 1n]],
        ['B', ['as', ['x', 'yy']]],
        ['C', ['b', true]],
      ],
      7n,
      false,
      9,
      3,
      ['ä'],
      ['s', '/o'],
    ];
    const bytes = encodeMessage({
      type: MESSAGE.CALL,
      serial: 5,
      path: '/p',
      member: 'M',
      signature,
      body: body as never,
    });
    const found = decodeMessage(Buffer.concat([bytes, Buffer.from('more')]))!;
    expect(found.length).toBe(bytes.length);
    expect(found.message).toMatchObject({ serial: 5, path: '/p', member: 'M', signature, body });
    for (let n = 0; n < bytes.length; n++) expect(decodeMessage(bytes.subarray(0, n))).toBeUndefined();
    expect(new Reader(Buffer.from('0300000061626300', 'hex')).read('s')).toBe('abc');
  });
});

/** A socket that speaks systemd's side of the conversation. */
async function systemd(reply: (message: Message, send: (m: Omit<Message, 'serial'>) => void) => void) {
  const path = join(tempDir('dbus'), 'private');
  const server = createServer((socket: Socket) => {
    let data = Buffer.alloc(0);
    let begun = false;
    let greeted = false;
    let serial = 100;
    const send = (m: Omit<Message, 'serial'>): void =>
      void socket.write(encodeMessage({ ...m, serial: serial++ }));
    socket.on('data', (more: Buffer) => {
      data = Buffer.concat([data, more]);
      if (!begun) {
        const at = data.indexOf('BEGIN\r\n');
        if (at < 0) {
          if (!greeted && data.includes('DATA\r\n')) {
            greeted = true;
            socket.write('DATA\r\nOK 0123\r\n');
          }
          return;
        }
        expect(data.toString('latin1', 0, at)).toBe('\0AUTH EXTERNAL\r\nDATA\r\n');
        begun = true;
        data = data.subarray(at + 7);
      }
      for (let found = decodeMessage(data); found; found = decodeMessage(data)) {
        data = data.subarray(found.length);
        reply(found.message, send);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  closing.push(() => server.close());
  return path;
}
const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

const removed = (job: string, result: string) => ({
  type: MESSAGE.SIGNAL,
  path: '/org/freedesktop/systemd1',
  interface: 'org.freedesktop.systemd1.Manager',
  member: 'JobRemoved',
  signature: 'uoss',
  body: [1, job, 'x.scope', result],
});
const request = (socket: string) => ({
  socket,
  name: 'x.scope',
  pid: 42,
  properties: [['MemoryMax', 't', '67108864'] as const],
});

describe('making a scope', () => {
  test('the process is given, and the job waited for, even if it ends before its answer', async () => {
    const calls: Message[] = [];
    const socket = await systemd((m, send) => {
      calls.push(m);
      send(removed('/job/1', 'done'));
      send({ type: MESSAGE.RETURN, replySerial: m.serial, signature: 'o', body: ['/job/1'] });
    });
    expect(await startScope(request(socket))).toBe('x.scope');
    expect(calls[0]).toMatchObject({
      member: 'StartTransientUnit',
      signature: 'ssa(sv)a(sa(sv))',
      body: [
        'x.scope',
        'fail',
        [
          ['MemoryMax', ['t', 67108864n]],
          ['PIDs', ['au', [42]]],
        ],
        [],
      ],
    });
  });
  test('one of the same name that has failed is forgotten first', async () => {
    const members: string[] = [];
    const socket = await systemd((m, send) => {
      members.push(m.member!);
      const first = members.length === 1;
      if (first)
        send({
          type: MESSAGE.ERROR,
          replySerial: m.serial,
          errorName: 'org.freedesktop.systemd1.UnitExists',
          signature: 's',
          body: ['exists'],
        });
      else
        send({
          type: MESSAGE.RETURN,
          replySerial: m.serial,
          ...(m.member === 'StartTransientUnit' && { signature: 'o' }),
          body: m.member === 'StartTransientUnit' ? ['/job/2'] : [],
        });
      if (members.length === 3) send(removed('/job/2', 'done'));
    });
    await startScope(request(socket));
    expect(members).toEqual(['StartTransientUnit', 'ResetFailedUnit', 'StartTransientUnit']);
  });
  test('a systemd before 253 has no OOM policy for a scope, which then goes without', async () => {
    const told: unknown[] = [];
    const socket = await systemd((m, send) => {
      const names = JSON.stringify((m.body[2] as [string][]).map(([name]) => name));
      told.push(names);
      if (names.includes('OOMPolicy')) {
        const body = ['Cannot set property OOMPolicy, or unknown property.'];
        const errorName = 'org.freedesktop.DBus.Error.PropertyReadOnly';
        send({ type: MESSAGE.ERROR, replySerial: m.serial, errorName, signature: 's', body });
        return;
      }
      send({ type: MESSAGE.RETURN, replySerial: m.serial, signature: 'o', body: ['/job/3'] });
      send(removed('/job/3', 'done'));
    });
    const { properties, ...rest } = request(socket);
    await startScope({ ...rest, properties: [...properties, ['OOMPolicy', 's', 'kill']] });
    expect(told).toEqual(['["MemoryMax","OOMPolicy","PIDs"]', '["MemoryMax","PIDs"]']);
  });
  test('a job that fails, a refusal and a missing systemd are said', async () => {
    const failing = await systemd((m, send) => {
      send({ type: MESSAGE.RETURN, replySerial: m.serial, signature: 'o', body: ['/job/1'] });
      send(removed('/job/1', 'failed'));
    });
    await expect(startScope(request(failing))).rejects.toThrow("systemd's job for x.scope ended as failed");
    const refusing = await systemd((m, send) =>
      send({
        type: MESSAGE.ERROR,
        replySerial: m.serial,
        errorName: 'a.b.C',
        signature: 's',
        body: ['No such slice'],
      }),
    );
    await expect(startScope(request(refusing))).rejects.toThrow('No such slice');
    await expect(startScope(request('/nowhere/private'))).rejects.toThrow('ask systemd at /nowhere/private');
  });
});

describe('ending a unit', () => {
  test('it is stopped, waited for, and forgotten', async () => {
    const calls: string[] = [];
    const socket = await systemd((m, send) => {
      calls.push(`${m.member} ${m.body.join(' ')}`);
      const stopped = m.member === 'StopUnit';
      send({
        type: MESSAGE.RETURN,
        replySerial: m.serial,
        ...(stopped && { signature: 'o' }),
        body: stopped ? ['/job/3'] : [],
      });
      if (stopped) setTimeout(() => send(removed('/job/3', 'done')), 20);
    });
    expect(await stopUnit({ socket, name: 'x.scope' })).toBe('x.scope');
    expect(calls).toEqual(['StopUnit x.scope replace', 'ResetFailedUnit x.scope']);
  });
  test('one that is gone, and a systemd that is not there, are no failure', async () => {
    const socket = await systemd((m, send) =>
      send({
        type: MESSAGE.ERROR,
        replySerial: m.serial,
        errorName: 'org.freedesktop.systemd1.NoSuchUnit',
        signature: 's',
        body: ['Unit x.scope not loaded.'],
      }),
    );
    expect(await stopUnit({ socket, name: 'x.scope' })).toBe('x.scope');
    expect(await stopUnit({ socket: '/nowhere/private', name: 'x.scope' })).toBe('x.scope');
  });
});

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
    ['CPUWeight', 't', '39'],
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
      /^ask topic=cg-limit\/scope payload=.*"pid\\":\{own.pid\},\\"name\\":\\"ctr-web.scope\\".* reply→\{scope\}$/,
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
