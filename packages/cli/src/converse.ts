/**
 * Staying for a plan's `ask` steps (docs/architecture.md, "Asking"): the launcher sends u32
 * length, topic, NUL, payload, and with the length a connected socket where the step names one; it gets u32
 * length, u8 status, text.
 */
import { concat, decodeBytes, encodeBytes, read, receiveWithDescriptor, viewOf } from '@ctr-tools/host';
import { PLAN_FD, writeAll } from './output.ts';
import type { Conversation } from './tool.ts';

/** Answer until the launcher closes the socket. */
export async function converse({ answer }: Pick<Conversation, 'answer'>, fd = PLAN_FD): Promise<void> {
  for (;;) {
    const { bytes: begun, descriptor } = receiveWithDescriptor(fd, 4);
    const rest = begun.length > 0 ? readExactly(fd, 4 - begun.length) : undefined;
    if (!rest) return;
    const body = readExactly(fd, viewOf(concat([begun, rest])).getUint32(0, true));
    if (!body) return;
    const nul = body.indexOf(0);
    if (nul < 0) throw new Error("the launcher's question has no topic");
    const [status, text] = await answered(
      answer,
      decodeBytes(body.subarray(0, nul)),
      decodeBytes(body.subarray(nul + 1)),
      descriptor,
    );
    const said = encodeBytes(text);
    const reply = new Uint8Array(5 + said.length);
    viewOf(reply).setUint32(0, 1 + said.length, true);
    reply[4] = status;
    reply.set(said, 5);
    writeAll(fd, reply);
  }
}

async function answered(
  answer: Conversation['answer'],
  topic: string,
  payload: string,
  connection: number | undefined,
): Promise<[number, string]> {
  try {
    return [0, await answer(topic, payload, connection)];
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
