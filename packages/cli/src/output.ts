/**
 * Writing without `process.stdout`, which would set O_NONBLOCK on a description that the
 * caller shares and load Node's stream code. All of it is synchronous, so that a planner
 * that is ended right after its plan has left nothing unwritten.
 */
import { concat, encodeBytes, errorCode, sleep, write } from '@ctr-tools/host';
import { Failure } from './errors.ts';
import { consumedStdin } from './stdin.ts';
import { isOpen } from './streams.ts';
import { kernelWords } from './system-failure.ts';

/** The socket on which the plan goes to the launcher. */
export const PLAN_FD = 4;

/** The reader of our stdout has gone; nobody is left to be told so. */
export class ClosedPipe extends Error {
  override name = 'ClosedPipe';
}

/** Write everything to a descriptor, waiting where it was left non-blocking by somebody. */
export function writeAll(fd: number, data: Uint8Array): void {
  for (let at = 0; at < data.length; ) {
    try {
      at += write(fd, data, at);
    } catch (error) {
      if (errorCode(error) !== 'EAGAIN') throw error;
      sleep(2);
    }
  }
}

/** What a result that could not be written exits with, whatever the subcommand's usual code is. */
const UNWRITTEN = 125;

/** Throws a `Failure` where stdout was closed: for who has something to do before it writes there. */
export function needStdout(): void {
  if (!isOpen(1)) throw new Failure('write to stdout: it is closed', UNWRITTEN);
}

/** Results, on stdout. Text is a byte string (`decodeBytes`). Throws `ClosedPipe` when the reader has gone. */
export function out(text: string | Uint8Array): void {
  const data = typeof text === 'string' ? encodeBytes(text) : text;
  if (data.length > 0) needStdout();
  try {
    writeAll(1, data);
  } catch (error) {
    if (errorCode(error) === 'EPIPE') throw new ClosedPipe('stdout was closed');
    throw new Failure(`write to stdout: ${kernelWords(error)}`, UNWRITTEN);
  }
}

/** All else, on stderr. There is nobody to be told that it is closed or full. */
export function err(text: string): void {
  try {
    writeAll(2, encodeBytes(text));
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
  }
}

/** Hand the encoded plan to the launcher. */
export function writePlan(plan: Uint8Array, fd = PLAN_FD): void {
  writeAll(fd, plan);
}

/**
 * Have the launcher start the planner again on Node, with the same request (`native/src/launcher/planner.c`), and what
 * was read from stdin as its stdin: a byte of 1, and then all of it.
 */
export function askForNode(): void {
  writeAll(PLAN_FD, encodeBytes('CTRNODE\0'));
  if (consumedStdin) writeAll(PLAN_FD, concat([Uint8Array.of(1), consumedStdin]));
}
