/** The wire format beside the reference implementation, which closes the connection at the first byte that is wrong. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { needs, start, tempDir, until } from '../../../test/support.ts';
import { settingsOf } from '../src/settings.ts';
import { decodeMessage, encodeMessage, MESSAGE, type Message } from '../src/systemd/message.ts';
import { propertiesOf, wireProperty } from '../src/systemd/properties.ts';
import type { Value } from '../src/systemd/wire.ts';
import { v2Abilities } from './fixtures.ts';

test('dbus-daemon takes our messages, and we its answers', async (context) => {
  needs(context, 'command:dbus-daemon');
  const path = join(tempDir('bus'), 'socket');
  const daemon = start('dbus-daemon', [
    '--session',
    '--nofork',
    '--nopidfile',
    `--address=unix:path=${path}`,
    '--print-address',
  ]);
  await until('the daemon listens', () => daemon.output().stdout !== '');
  const socket = connect(path);
  await once(socket, 'connect');
  socket.write(`\0AUTH EXTERNAL ${Buffer.from(String(process.getuid!())).toString('hex')}\r\n`);
  expect(String((await once(socket, 'data'))[0])).toMatch(/^OK /);
  socket.write('BEGIN\r\n');
  let received = Buffer.alloc(0);
  const messages: Message[] = [];
  let closed = false;
  socket.on('close', () => {
    closed = true;
  });
  socket.on('data', (data: Buffer) => {
    received = Buffer.concat([received, data]);
    for (let found = decodeMessage(received); found; found = decodeMessage(received)) {
      received = received.subarray(found.length);
      messages.push({ ...found, body: found.readBody() });
    }
  });
  const call = async (
    serial: number,
    member: string,
    signature: string,
    body: readonly Value[],
  ): Promise<Message> => {
    socket.write(
      encodeMessage({
        type: MESSAGE.CALL,
        serial,
        path: '/org/freedesktop/DBus',
        interface: 'org.freedesktop.DBus',
        member,
        destination: 'org.freedesktop.DBus',
        signature,
        body,
      }),
    );
    await until(`an answer to ${member}`, () => closed || messages.some((m) => m.replySerial === serial));
    expect(closed).toBe(false);
    return messages.find((m) => m.replySerial === serial)!;
  };
  expect((await call(1, 'Hello', '', [])).body[0]).toMatch(/^:1\./);
  expect((await call(2, 'ListNames', '', [])).body[0]).toContain('org.freedesktop.DBus');
  const settings = settingsOf({ memory: { limit: 1 << 26 }, cpu: { quota: 5000, cpus: '0,9' } }, v2Abilities);
  const properties = [
    ...propertiesOf(settings),
    ['Delegate', 'b', true] as const,
    ['PIDs', 'au', [42]] as const,
  ].map(wireProperty);
  // It validates the whole body before it finds that it has no such method.
  const refused = await call(3, 'StartTransientUnit', 'ssa(sv)a(sa(sv))', [
    'x.scope',
    'fail',
    properties,
    [],
  ]);
  expect(refused).toMatchObject({
    type: MESSAGE.ERROR,
    errorName: 'org.freedesktop.DBus.Error.UnknownMethod',
  });
  socket.destroy();
});
