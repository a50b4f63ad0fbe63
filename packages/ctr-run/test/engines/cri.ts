/**
 * A client of the Container Runtime Interface, as the kubelet is one: gRPC over HTTP/2 on a
 * socket, with as much of protocol buffers as the calls here need. crictl is in no release of
 * Debian. Numbers of fields: k8s.io/cri-api, pkg/apis/runtime/v1/api.proto.
 */
import { type ClientHttp2Session, connect } from 'node:http2';
import { connect as connectSocket } from 'node:net';

/** A message: fields by their numbers. Arrays are repeated fields, nested messages are messages. */
export interface Message {
  readonly [field: number]: string | number | boolean | Message | readonly string[];
}

const varint = (value: number): number[] => {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return [...bytes, rest];
};

const delimited = (field: number, bytes: Buffer): Buffer =>
  Buffer.concat([Buffer.from([...varint((field << 3) | 2), ...varint(bytes.length)]), bytes]);

/** Encode a message (protobuf.dev, "Encoding"). */
export function encode(message: Message): Buffer {
  const parts = Object.entries(message).flatMap(([key, value]): Buffer[] => {
    const field = Number(key);
    if (typeof value === 'number' || typeof value === 'boolean')
      return [Buffer.from([...varint(field << 3), ...varint(Number(value))])];
    if (typeof value === 'string') return [delimited(field, Buffer.from(value))];
    if (Array.isArray(value)) return value.map((text: string) => delimited(field, Buffer.from(text)));
    return [delimited(field, encode(value as Message))];
  });
  return Buffer.concat(parts);
}

/** The fields of an answer: bytes where they have a length, else numbers. The last of a repeated one stands. */
export class Fields {
  private readonly values = new Map<number, Buffer | number>();

  constructor(bytes: Buffer) {
    let at = 0;
    const number = (): number => {
      let value = 0;
      for (let factor = 1; ; factor *= 128) {
        const byte = bytes[at++]!;
        value += (byte & 127) * factor;
        if (byte < 128) return value;
      }
    };
    while (at < bytes.length) {
      const tag = number();
      const kind = tag & 7;
      if (kind === 0) this.values.set(tag >> 3, number());
      else if (kind === 2) {
        const length = number();
        this.values.set(tag >> 3, bytes.subarray(at, at + length));
        at += length;
      } else throw new Error(`a field of kind ${kind}, which CRI does not use`);
    }
  }

  private bytes(field: number): Buffer {
    return (this.values.get(field) as Buffer | undefined) ?? Buffer.alloc(0);
  }
  text(field: number): string {
    return this.bytes(field).toString();
  }
  message(field: number): Fields {
    return new Fields(this.bytes(field));
  }
  number(field: number): number {
    return (this.values.get(field) as number | undefined) ?? 0;
  }
}

export class Cri {
  private readonly session: ClientHttp2Session;
  constructor(socket: string) {
    this.session = connect('http://localhost', { createConnection: () => connectSocket(socket) });
    this.session.on('error', () => undefined); // whoever calls is told
  }

  /** Call a method of the service. Rejects with the words of the engine. */
  async call(method: string, message: Message = {}): Promise<Fields> {
    const body = encode(message);
    const frame = Buffer.alloc(5);
    frame.writeUInt32BE(body.length, 1);
    const stream = this.session.request({
      ':method': 'POST',
      ':path': `/runtime.v1.RuntimeService/${method}`,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    stream.end(Buffer.concat([frame, body]));
    const chunks: Buffer[] = [];
    let status: Record<string, unknown> = {};
    return await new Promise((resolve, reject) => {
      stream.on('response', (headers) => {
        status = { ...status, ...headers };
      });
      stream.on('trailers', (headers) => {
        status = { ...status, ...headers };
      });
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('error', reject);
      stream.on('end', () => {
        if (status['grpc-status'] === '0') resolve(new Fields(Buffer.concat(chunks).subarray(5)));
        else reject(new Error(`${method}: ${decodeURIComponent(String(status['grpc-message']))}`));
      });
    });
  }

  close(): void {
    this.session.close();
  }
}
