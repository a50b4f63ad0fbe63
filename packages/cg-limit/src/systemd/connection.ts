/**
 * A conversation with systemd over its private socket: no bus daemon is between, and so there is no
 * Hello. systemd tells everybody there what happens to every unit, so signals are sorted out by their headers, and no
 * body is read but of those that somebody waits for.
 */
import { Failure } from '@ctr-tools/cli';
import { decodeBytes, encodeBytes, monotonic, type Stream } from '@ctr-tools/host';
import { Inbox } from './inbox.ts';
import { decodeMessage, encodeMessage, MESSAGE, type Received } from './message.ts';
import type { Value } from './wire.ts';

const PATH = '/org/freedesktop/systemd1';
const MANAGER = 'org.freedesktop.systemd1.Manager';
const TIMEOUT_MS = 30_000;
/** What sd-bus takes of a greeting, in bytes (bus-internal.h, BUS_AUTH_SIZE_MAX). */
const LONGEST_LINE = 64 << 10;

/** systemd refused, with the error's name. */
export class Refusal extends Failure {
  readonly errorName: string;
  constructor(errorName: string, message: string) {
    super(message);
    this.errorName = errorName;
  }
}

export class Systemd {
  private readonly transport: Stream;
  private readonly name: string;
  private readonly inbox = new Inbox();
  private serial = 0;
  /** What jobs came to that ended before anybody waited for them, by their path. */
  private readonly jobs = new Map<string, string>();

  private constructor(transport: Stream, name: string) {
    this.transport = transport;
    this.name = name;
  }

  /**
   * Authenticate by the socket's credentials (D-Bus Specification, "Authentication Protocol":
   * EXTERNAL). No UID is named: in a user namespace ours is another than the one that systemd
   * sees, and without one it takes that (sd-bus does the same). `name` is how messages call the
   * socket. The transport is closed where this fails. Throws a `Failure`.
   */
  static open(transport: Stream, name: string): Systemd {
    const systemd = new Systemd(transport, name);
    try {
      systemd.authenticate();
    } catch (error) {
      transport.close();
      throw error;
    }
    return systemd;
  }

  private authenticate(): void {
    const end = monotonic() + TIMEOUT_MS;
    // All at once, as sd-bus does: a call that systemd reads together with BEGIN lies there until something else comes.
    this.send(encodeBytes('\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n'));
    // First it asks for the DATA that was sent already.
    let line = this.line(end);
    while (line.startsWith('DATA')) line = this.line(end);
    if (!line.startsWith('OK ')) throw this.failure(`it refused: ${line}`);
  }

  /** The next line of the greeting. */
  private line(end: number): string {
    for (;;) {
      const bytes = this.inbox.peek();
      const length = bytes.indexOf(0x0a);
      if (length > LONGEST_LINE || (length < 0 && bytes.length > LONGEST_LINE))
        throw this.failure('it greets with a line that does not end');
      if (length >= 0) {
        const text = decodeBytes(bytes.subarray(0, length));
        this.inbox.drop(length + 1);
        return text.replace(/\r$/, '');
      }
      this.fill('greet', end);
    }
  }

  /** Call a method of the manager. Throws a `Refusal`, or a `Failure` where the conversation itself fails. */
  call(member: string, signature: string, body: readonly Value[]): readonly Value[] {
    const serial = ++this.serial;
    const end = monotonic() + TIMEOUT_MS;
    this.send(
      encodeMessage({
        type: MESSAGE.CALL,
        serial,
        path: PATH,
        interface: MANAGER,
        member,
        destination: 'org.freedesktop.systemd1',
        signature,
        body,
      }),
    );
    for (;;) {
      const message = this.next(member, end);
      if (message.replySerial !== serial) this.note(message);
      else if (message.type === MESSAGE.RETURN) return this.bodyOf(message);
      else if (message.type === MESSAGE.ERROR) {
        const [words] = this.bodyOf(message);
        throw new Refusal(message.errorName ?? '', String(words ?? message.errorName ?? 'systemd refused'));
      }
    }
  }

  /** Call a method that answers with a job, and wait for its end; what it came to, as `job` has it. */
  callForJob(member: string, signature: string, body: readonly Value[]): string {
    const [path] = this.call(member, signature, body);
    if (typeof path !== 'string') throw this.failure(`its answer to ${member} is not a job`);
    return this.job(path);
  }

  /** Wait for the end of a job: `done`, `failed`, `canceled` … (org.freedesktop.systemd1(5), JobRemoved). */
  private job(path: string): string {
    const end = monotonic() + TIMEOUT_MS;
    for (;;) {
      const result = this.jobs.get(path);
      if (result !== undefined) return result;
      this.note(this.next('wait for the job', end));
    }
  }

  /** Remember what somebody may wait for; everything else is dropped unread. */
  private note(message: Received): void {
    const { type, path, interface: of, member } = message;
    if (type !== MESSAGE.SIGNAL || path !== PATH || of !== MANAGER || member !== 'JobRemoved') return;
    const [, job, , result] = this.bodyOf(message);
    this.jobs.set(String(job), String(result));
  }

  private next(what: string, end: number): Received {
    for (;;) {
      const message = this.orFail(() => decodeMessage(this.inbox.peek()));
      if (message) {
        this.inbox.drop(message.length);
        return message;
      }
      this.fill(what, end);
    }
  }

  private bodyOf(message: Received): readonly Value[] {
    return this.orFail(() => message.readBody());
  }

  private fill(what: string, end: number): void {
    const left = Math.ceil(end - monotonic());
    let bytes: Uint8Array | undefined;
    try {
      if (left > 0) bytes = this.transport.receive(left);
    } catch (error) {
      if (monotonic() < end) throw this.failure((error as Error).message);
    }
    if (!bytes) throw new Failure(`${what}: systemd does not answer within ${TIMEOUT_MS / 1000} s`);
    if (bytes.length === 0) throw this.failure('it closed the connection');
    this.inbox.add(bytes);
  }

  private send(bytes: Uint8Array): void {
    this.orFail(() => this.transport.send(bytes));
  }

  private orFail<T>(does: () => T): T {
    try {
      return does();
    } catch (error) {
      throw this.failure((error as Error).message);
    }
  }

  private failure(words: string): Failure {
    return new Failure(`ask systemd at ${this.name}: ${words}`);
  }

  close(): void {
    this.transport.close();
  }
}
