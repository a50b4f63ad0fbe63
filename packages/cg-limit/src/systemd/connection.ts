/** A connection to systemd's private socket: no bus daemon between, and so no Hello. */
import { connect, type Socket } from 'node:net';
import { Failure } from '@ctr-tools/cli';
import { decodeMessage, encodeMessage, MESSAGE, type Message, type Value } from './wire.ts';

const MANAGER = 'org.freedesktop.systemd1.Manager';
const TIMEOUT_MS = 30_000;

/** systemd refused, with the error's name. */
export class Refusal extends Failure {
  readonly errorName: string;
  constructor(errorName: string, message: string) {
    super(message);
    this.errorName = errorName;
  }
}

export class Systemd {
  private readonly socket: Socket;
  private received = Buffer.alloc(0);
  private serial = 0;
  private readonly waiting = new Set<{
    wanted: (m: Message) => boolean;
    take: (m: Message) => void;
    fail: (e: Error) => void;
  }>();
  /** Signals that came before anybody waited for them. */
  private readonly signals: Message[] = [];

  private constructor(socket: Socket) {
    this.socket = socket;
  }

  /**
   * Connect and authenticate by the socket's credentials (D-Bus Specification, "Authentication":
   * EXTERNAL). No UID is named: in a user namespace ours is another than the one that systemd
   * sees, and without one it takes that (sd-bus does the same). Throws a `Failure`.
   */
  static async connect(path: string): Promise<Systemd> {
    const socket = connect(path);
    const systemd = new Systemd(socket);
    let greeting = '';
    await new Promise<void>((resolve, reject) => {
      const fail = (error: Error): void => reject(new Failure(`ask systemd at ${path}: ${error.message}`));
      socket.once('error', fail);
      socket.once('connect', () => socket.write('\0AUTH EXTERNAL\r\nDATA\r\n'));
      const onData = (data: Buffer): void => {
        greeting += data.toString('latin1');
        // First it asks for the DATA that we have sent already.
        const lines = greeting.split('\r\n').slice(0, -1);
        const verdict = lines.find((line) => !line.startsWith('DATA'));
        if (verdict === undefined) return;
        socket.off('data', onData);
        socket.off('error', fail);
        if (!verdict.startsWith('OK ')) {
          fail(new Error(`it refused: ${verdict}`));
          return;
        }
        socket.write('BEGIN\r\n');
        resolve();
      };
      socket.on('data', onData);
    });
    socket.on('data', (data: Buffer) => systemd.receive(data));
    socket.on('error', (error) => systemd.broken(error));
    socket.on('close', () => systemd.broken(new Error('it closed the connection')));
    return systemd;
  }

  private receive(data: Buffer): void {
    this.received = Buffer.concat([this.received, data]);
    for (let found = decodeMessage(this.received); found; found = decodeMessage(this.received)) {
      this.received = this.received.subarray(found.length);
      const { message } = found;
      const waiter = [...this.waiting].find(({ wanted }) => wanted(message));
      if (waiter) {
        this.waiting.delete(waiter);
        waiter.take(message);
      } else if (message.type === MESSAGE.SIGNAL) this.signals.push(message);
    }
  }

  private broken(error: Error): void {
    for (const { fail } of this.waiting) fail(new Failure(`ask systemd: ${error.message}`));
    this.waiting.clear();
  }

  private async next(what: string, wanted: (m: Message) => boolean): Promise<Message> {
    const early = this.signals.find(wanted);
    if (early) return early;
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise<Message>((take, fail) => {
        timer = setTimeout(
          () => fail(new Failure(`${what}: systemd does not answer within ${TIMEOUT_MS / 1000} s`)),
          TIMEOUT_MS,
        );
        this.waiting.add({ wanted, take, fail });
      });
    } finally {
      clearTimeout(timer);
    }
  }

  /** Call a method of the manager. Throws `Refusal`. */
  async call(member: string, signature: string, body: readonly Value[]): Promise<readonly Value[]> {
    const serial = ++this.serial;
    const reply = this.next(member, (m) => m.replySerial === serial);
    this.socket.write(
      encodeMessage({
        type: MESSAGE.CALL,
        serial,
        path: '/org/freedesktop/systemd1',
        interface: MANAGER,
        member,
        destination: 'org.freedesktop.systemd1',
        signature,
        body,
      }),
    );
    const message = await reply;
    if (message.type === MESSAGE.ERROR)
      throw new Refusal(message.errorName ?? '', String(message.body[0] ?? message.errorName));
    return message.body;
  }

  /** Wait for the end of a job; what it came to: `done`, `failed`, `canceled` … (org.freedesktop.systemd1(5), JobRemoved). */
  async job(path: string): Promise<string> {
    const message = await this.next(
      'wait for the job',
      (m) => m.type === MESSAGE.SIGNAL && m.member === 'JobRemoved' && m.body[1] === path,
    );
    return String(message.body[3]);
  }

  close(): void {
    this.socket.removeAllListeners('close');
    this.socket.destroy();
  }
}
