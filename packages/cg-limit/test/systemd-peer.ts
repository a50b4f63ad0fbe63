/** systemd's side of a conversation, in memory. */
import type { Stream } from '@ctr-tools/host';
import { decodeMessage, encodeMessage, MESSAGE, type Message } from '../src/systemd/message.ts';

/** What the peer says: a message (its serial is given), or bytes as they are. */
export type Said = Omit<Message, 'serial'> | Uint8Array;

export interface Peer extends Stream {
  /** What was called, in order. */
  calls: Message[];
  closed: boolean;
}

/**
 * A transport to a systemd that answers each call by `reply`. `most` is how many bytes come at once.
 * Where nothing is left to come, time is up at once.
 */
export function peer(
  reply: (call: Message, say: (...said: Said[]) => void) => void,
  { most = 1 << 16, greeting = 'DATA\r\nOK 0123\r\n', ends = false } = {},
): Peer {
  let sent = new Uint8Array();
  let coming: Uint8Array = bytesOf(greeting);
  let came = 0;
  let begun = false;
  let serial = 100;
  const say = (...said: Said[]): void => {
    for (const one of said)
      coming = join(coming, one instanceof Uint8Array ? one : encodeMessage({ ...one, serial: serial++ }));
  };
  const self: Peer = {
    calls: [],
    closed: false,
    send(bytes) {
      sent = join(sent, bytes);
      if (!begun) {
        // BEGIN and a call in one reading would leave the call unread: so all comes in one sending, and no call with it.
        const text = new TextDecoder('latin1').decode(sent);
        if (text !== '\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n')
          throw new Error(`the greeting is ${JSON.stringify(text)}`);
        begun = true;
        sent = new Uint8Array();
      }
      for (let found = decodeMessage(sent); found; found = decodeMessage(sent)) {
        const call = { ...found, body: found.readBody() };
        sent = sent.slice(found.length);
        self.calls.push(call);
        reply(call, say);
      }
    },
    receive(timeoutMs) {
      const bytes = coming.slice(came, came + most);
      came += bytes.length;
      if (bytes.length === 0 && !ends) throw new Error(`nothing came within ${timeoutMs} ms`);
      return bytes;
    },
    close: () => {
      self.closed = true;
    },
  };
  return self;
}

export const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

export function join(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

export const answerTo = (call: Message, signature = '', ...body: Message['body'][number][]) => ({
  type: MESSAGE.RETURN,
  replySerial: call.serial,
  signature,
  body,
});

export const refusalOf = (call: Message, errorName: string, words: string) => ({
  type: MESSAGE.ERROR,
  replySerial: call.serial,
  errorName,
  signature: 's',
  body: [words],
});

export const jobRemoved = (job: string, result: string) => ({
  type: MESSAGE.SIGNAL,
  path: '/org/freedesktop/systemd1',
  interface: 'org.freedesktop.systemd1.Manager',
  member: 'JobRemoved',
  signature: 'uoss',
  body: [1, job, 'x.scope', result],
});
