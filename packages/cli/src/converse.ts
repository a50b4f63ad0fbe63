/**
 * Staying for a plan's `ask` steps (docs/architecture.md, "Asking"): the launcher sends u32
 * length, topic, NUL, payload, and gets u32 length, u8 status, text.
 */
import { decodeBytes, encodeBytes, read, viewOf } from '@ctr-tools/host';
import { PLAN_FD, writeAll } from './output.ts';
import type { Conversation } from './tool.ts';

/** Answer until the launcher closes the socket. */
export async function converse({ answer }: Pick<Conversation, 'answer'>, fd = PLAN_FD): Promise<void> {
  for (;;) {
    const head = readExactly(fd, 4);
    if (!head) return;
    const body = readExactly(fd, viewOf(head).getUint32(0, true));
    if (!body) return;
    const nul = body.indexOf(0);
    if (nul < 0) throw new Error("the launcher's question has no topic");
    const [status, text] = await answered(
      answer,
      decodeBytes(body.subarray(0, nul)),
      decodeBytes(body.subarray(nul + 1)),
    );
    const bytes = encodeBytes(text);
    const reply = new Uint8Array(5 + bytes.length);
    viewOf(reply).setUint32(0, 1 + bytes.length, true);
    reply[4] = status;
    reply.set(bytes, 5);
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
function readExactly(fd: number, length: number): Uint8Array | undefined {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; ) {
    const n = read(fd, bytes, at);
    if (n === 0) return undefined;
    at += n;
  }
  return bytes;
}
