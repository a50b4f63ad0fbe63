/** What is said to systemd, and what is made of its answers. */
import { Failure } from '@ctr-tools/cli';
import { describe, expect, test } from 'vitest';
import { attach, setProperties, startScope, stopUnit } from '../src/systemd/answer.ts';
import { connectTo } from '../src/systemd/connect.ts';
import { Systemd } from '../src/systemd/connection.ts';
import { decodeMessage, encodeMessage, MESSAGE, type Message } from '../src/systemd/message.ts';
import { answerTo, bytesOf, jobRemoved, type Peer, peer, refusalOf } from './systemd-peer.ts';

const socket = '/run/x';
const request = { socket, name: 'x.scope', pid: 42, properties: [['MemoryMax', 't', '67108864'] as const] };
const starting = (through: Peer): string => startScope(request, () => through);

describe('making a scope', () => {
  test('the process is given, and the job waited for, even if it ends before its answer', () => {
    const systemd = peer((call, say) => say(jobRemoved('/job/1', 'done'), answerTo(call, 'o', '/job/1')));
    expect(starting(systemd)).toBe('x.scope');
    expect(systemd.closed).toBe(true);
    expect(systemd.calls[0]).toMatchObject({
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

  test('one of the same name that has failed is forgotten first', () => {
    const systemd = peer((call, say) => {
      if (systemd.calls.length === 1)
        say(refusalOf(call, 'org.freedesktop.systemd1.UnitExists', 'it is there'));
      else if (call.member === 'ResetFailedUnit') say(answerTo(call));
      else say(answerTo(call, 'o', '/job/2'), jobRemoved('/job/2', 'done'));
    });
    starting(systemd);
    expect(systemd.calls.map(({ member }) => member)).toEqual([
      'StartTransientUnit',
      'ResetFailedUnit',
      'StartTransientUnit',
    ]);
  });

  test('a systemd before 253 has no OOM policy for a scope, which then goes without', () => {
    const namesOf = ({ body }: Message) => (body[2] as [string][]).map(([name]) => name);
    const systemd = peer((call, say) => {
      const words = 'Cannot set property OOMPolicy, or unknown property.';
      if (namesOf(call).includes('OOMPolicy'))
        say(refusalOf(call, 'org.freedesktop.DBus.Error.PropertyReadOnly', words));
      else say(answerTo(call, 'o', '/job/3'), jobRemoved('/job/3', 'done'));
    });
    startScope(
      { ...request, properties: [...request.properties, ['OOMPolicy', 's', 'kill']] },
      () => systemd,
    );
    expect(systemd.calls.map(namesOf)).toEqual([
      ['MemoryMax', 'OOMPolicy', 'PIDs'],
      ['MemoryMax', 'PIDs'],
    ]);
  });

  test('a job that fails, a refusal and a missing systemd are said', () => {
    const failing = peer((call, say) => say(answerTo(call, 'o', '/job/1'), jobRemoved('/job/1', 'failed')));
    expect(() => starting(failing)).toThrow("systemd's job for x.scope ended as failed");
    const refusing = peer((call, say) => say(refusalOf(call, 'a.b.C', 'No such slice')));
    expect(() => starting(refusing)).toThrow('No such slice');
    expect(() => startScope({ ...request, socket: '/nowhere/private' }, connectTo)).toThrow(
      /^ask systemd at \/nowhere\/private: .*ENOENT/,
    );
  });
});

describe('ending a unit', () => {
  test('it is stopped, waited for, and forgotten', () => {
    const systemd = peer((call, say) =>
      call.member === 'StopUnit'
        ? say(answerTo(call, 'o', '/job/3'), jobRemoved('/job/3', 'done'))
        : say(answerTo(call)),
    );
    expect(stopUnit({ socket, name: 'x.scope' }, () => systemd)).toBe('x.scope');
    expect(systemd.calls.map(({ member, body }) => `${member} ${body.join(' ')}`)).toEqual([
      'StopUnit x.scope replace',
      'ResetFailedUnit x.scope',
    ]);
  });

  test('one that is gone, and a systemd that is not there, are not a failure', () => {
    const systemd = peer((call, say) => say(refusalOf(call, 'a.NoSuchUnit', 'Unit x.scope not loaded.')));
    expect(stopUnit({ socket, name: 'x.scope' }, () => systemd)).toBe('x.scope');
    expect(stopUnit({ socket: '/nowhere/private', name: 'x.scope' }, connectTo)).toBe('x.scope');
  });
});

test('a process is attached to a unit, to its group or one below', () => {
  const systemd = peer((call, say) => say(answerTo(call)));
  expect(attach({ socket, name: 'x.scope', group: '/below', pid: 42 }, () => systemd)).toBe('x.scope');
  expect(systemd.calls[0]).toMatchObject({
    member: 'AttachProcessesToUnit',
    signature: 'ssau',
    body: ['x.scope', '/below', [42]],
  });
});

/** What systemd says of other units, with types that nothing of ours waits for. */
const others = (n: number) => [
  {
    type: MESSAGE.SIGNAL,
    path: `/org/freedesktop/systemd1/unit/run_2du${n}_2eservice`,
    interface: 'org.freedesktop.DBus.Properties',
    member: 'PropertiesChanged',
    signature: 'sa{sv}as',
    body: [
      'org.freedesktop.systemd1.Service',
      [
        ['ExecMainStatus', ['i', -1]],
        ['Weird', ['(nqxdg)', [-1, 2, -3n, 0.5, 'as']]],
      ],
      ['ExecStart'],
    ],
  },
  {
    type: MESSAGE.SIGNAL,
    path: '/org/freedesktop/systemd1',
    interface: 'org.freedesktop.systemd1.Manager',
    member: 'UnitRemoved',
    signature: 'so',
    body: [`run-u${n}.service`, '/o'],
  },
  jobRemoved(`/others/${n}`, 'done'),
];
const storm = Array.from({ length: 50 }, (_, n) => others(n)).flat();

describe('whatever else systemd says', () => {
  test.each([1, 2, 3, 7, 64, 65536])('beside a storm of other units, %i bytes at a time', (most) => {
    const systemd = peer(
      (call, say) =>
        say(...storm, answerTo(call, 'o', '/job/1'), ...storm, jobRemoved('/job/1', 'done'), ...storm),
      { most },
    );
    expect(starting(systemd)).toBe('x.scope');
  });

  test('a body that nobody waits for is not read, be it what it may', () => {
    const signal = { type: MESSAGE.SIGNAL, path: '/p', member: 'Other', signature: 's', body: ['text'] };
    const message = encodeMessage({ ...signal, serial: 1 });
    // The same with a text that claims to be longer than its message.
    message[message.length - 9] = 200;
    expect(() => decodeMessage(message)!.readBody()).toThrow('ends within a value');
    const systemd = peer((call, say) =>
      say(message, answerTo(call, 'o', '/job/1'), message, jobRemoved('/job/1', 'done')),
    );
    expect(starting(systemd)).toBe('x.scope');
  });

  test.each([
    ['garbage', bytesOf('this is not D-Bus at all'), 'a message begins with the byte 116'],
    [
      'a message beyond 128 MiB',
      Uint8Array.from([0x6c, 4, 0, 1, 0, 0, 0, 8, 1, 0, 0, 0, 0, 0, 0, 0]),
      'claims to have 134217744 bytes',
    ],
    [
      'fields of a length that is not theirs',
      Uint8Array.from([0x6c, 4, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 9, 9, 9, 9, 0, 0, 0, 0]),
      'ask systemd at /run/x: ',
    ],
  ])('%s is one line', (_what, bytes, words) => {
    const systemd = peer((_call, say) => say(bytes));
    expect(() => starting(systemd)).toThrow(Failure);
    expect(systemd.closed).toBe(true);
    try {
      starting(peer((_call, say) => say(bytes)));
      expect.unreachable();
    } catch (error) {
      expect((error as Error).message).toContain(words);
      expect((error as Error).message).not.toContain('\n');
    }
  });

  test('an answer that is not what the call gives is one line', () => {
    const systemd = peer((call, say) => say(answerTo(call)));
    expect(() => starting(systemd)).toThrow('its answer to StartTransientUnit is not a job');
    const wordless = peer((call, say) =>
      say({ type: MESSAGE.ERROR, replySerial: call.serial, errorName: 'a.B', body: [] }),
    );
    expect(() => setProperties(request, () => wordless)).toThrow('a.B');
  });

  test('an end, and silence', () => {
    expect(() => starting(peer(() => {}, { ends: true }))).toThrow(
      'ask systemd at /run/x: it closed the connection',
    );
    const silent = peer(() => {});
    expect(() => starting(silent)).toThrow(
      /^ask systemd at \/run\/x: nothing came within (30000|299\d\d) ms$/,
    );
    expect(silent.closed).toBe(true);
  });

  test('others who talk all the time do not keep us waiting for ever', () => {
    const times = [0, 10_000, 20_000, 29_000, 31_000];
    const real = performance.now;
    const systemd = peer(() => {}, { greeting: 'OK 0\r\n' });
    const connection = Systemd.open(systemd, socket);
    performance.now = () => times.shift() ?? 40_000;
    try {
      systemd.receive = () => bytesOf('l\x04\0\x01\0\0\0\0\x01\0\0\0\0\0\0\0');
      expect(() => connection.call('StopUnit', 'ss', ['a', 'b'])).toThrow(
        'StopUnit: systemd does not answer within 30 s',
      );
    } finally {
      performance.now = real;
    }
  });
});

describe('the greeting', () => {
  test.each([1, 5, 100])('%i bytes at a time', (most) => {
    const systemd = peer((call, say) => say(answerTo(call)), { most });
    setProperties(request, () => systemd);
    expect(systemd.calls[0]).toMatchObject({
      member: 'SetUnitProperties',
      body: ['x.scope', true, [['MemoryMax', ['t', 67108864n]]]],
    });
  });
  test.each([
    ['REJECTED EXTERNAL\r\n', 'it refused: REJECTED EXTERNAL'],
    ['x'.repeat(70_000), 'it greets with a line that does not end'],
  ])('%#: a refusal is one line, and the stream is closed', (greeting, words) => {
    const systemd = peer(() => {}, { greeting });
    expect(() => starting(systemd)).toThrow(`ask systemd at /run/x: ${words}`);
    expect(systemd.closed).toBe(true);
  });
});
