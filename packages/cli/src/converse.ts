/**
 * Staying for a plan's `ask` steps (docs/architecture.md, "Asking"): the launcher sends u32
 * length, topic, NUL, payload, and gets u32 length, u8 status, text.
 */
import { readSync } from 'node:fs';
import { decodeBytes, encodeBytes } from '@ctr-tools/plan';
import { PLAN_FD, writeAll } from './output.ts';
import type { Conversation } from './tool.ts';

/** Answer until the launcher closes the socket. */
export async function converse({ answer }: Pick<Conversation, 'answer'>, fd = PLAN_FD): Promise<void> {
  for (;;) {
    const head = readExactly(fd, 4);
    if (!head) return;
    const body = readExactly(fd, head.readUInt32LE(0));
    if (!body) return;
    const nul = body.indexOf(0);
    if (nul < 0) throw new Error("the launcher's question has no topic");
    const [status, text] = await answered(
      answer,
      decodeBytes(body.subarray(0, nul)),
      decodeBytes(body.subarray(nul + 1)),
    );
    const bytes = encodeBytes(text);
    const reply = Buffer.alloc(5 + bytes.length);
    reply.writeUInt32LE(1 + bytes.length, 0);
    reply.writeUInt8(status, 4);
    bytes.copy(reply, 5);
    writeAll(fd, reply);
  }
}

async function answered(
  answer: Conversation['answer'],
  topic: string,
  payload: string,
): Promise<[number, string]> {
  try {
    return [0, await answer(topic, payload)];
  } catch (error) {
    return [1, error instanceof Error ? error.message : String(error)];
  }
}

/** That many bytes, or undefined at the end of the stream. */
function readExactly(fd: number, length: number): Buffer | undefined {
  const bytes = Buffer.allocUnsafe(length);
  for (let at = 0; at < length; ) {
    const n = readSync(fd, bytes, at, length - at, null);
    if (n === 0) return undefined;
    at += n;
  }
  return bytes;
}
