/**
 * A program of a few instructions, for roots that have nothing else: it needs no loader and no shell,
 * and calls write(2) and exit_group(2) alone.
 */
import { chmodSync, writeFileSync } from 'node:fs';

const le = (value: number, bytes: number): number[] =>
  Array.from({ length: bytes }, (_, i) => Math.floor(value / 2 ** (8 * i)) % 256);

/** Say `length` bytes, which lie right behind these instructions, and end with `status`. Where ending is refused, die of SIGILL. */
const code: Partial<Record<NodeJS.Architecture, (length: number, status: number) => number[]>> = {
  x64: (length, status) => [
    ...[0xb8, ...le(1, 4)], // mov eax, write
    ...[0xbf, ...le(1, 4)], // mov edi, 1
    ...[0x48, 0x8d, 0x35, ...le(21, 4)], // lea rsi, what is behind the code
    ...[0xba, ...le(length, 4)], // mov edx, length
    ...[0x0f, 0x05], // syscall
    ...[0xb8, ...le(231, 4)], // mov eax, exit_group
    ...[0xbf, ...le(status, 4)], // mov edi, status
    ...[0x0f, 0x05], // syscall
    ...[0x0f, 0x0b], // ud2
  ],
  arm64: (length, status) =>
    [
      0xd2800020, // mov x0, 1
      0x10000101, // adr x1, what is behind the code
      0xd2800002 | (length << 5), // mov x2, length
      0xd2800808, // mov x8, write
      0xd4000001, // svc 0
      0xd2800000 | (status << 5), // mov x0, status
      0xd2800bc8, // mov x8, exit_group
      0xd4000001, // svc 0
      0x00000000, // udf
    ].flatMap((word) => le(word, 4)),
};

const machines: Partial<Record<NodeJS.Architecture, number>> = { x64: 62, arm64: 183 };

/** An ELF executable (elf(5)) that writes `says` to its stdout and ends with `status`. Throws on a machine that is neither x64 nor arm64. */
export function tinyProgram(says: string, status: number, machine = machines[process.arch]): Buffer {
  const text = Buffer.from(says);
  const instructions = code[process.arch]?.(text.length, status);
  if (!instructions || machine === undefined) throw new Error(`no program for ${process.arch}`);
  const base = 0x400000;
  const headers = 64 + 56;
  const size = headers + instructions.length + text.length;
  return Buffer.from([
    ...[0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0, ...le(0, 8)],
    ...[...le(2, 2), ...le(machine, 2), ...le(1, 4), ...le(base + headers, 8), ...le(64, 8), ...le(0, 8)],
    ...[...le(0, 4), ...le(64, 2), ...le(56, 2), ...le(1, 2), ...le(0, 2), ...le(0, 2), ...le(0, 2)],
    ...[...le(1, 4), ...le(5, 4), ...le(0, 8), ...le(base, 8), ...le(base, 8)],
    ...[...le(size, 8), ...le(size, 8), ...le(0x1000, 8)],
    ...instructions,
    ...text,
  ]);
}

export function writeProgram(path: string, says: string, status: number): string {
  writeFileSync(path, tinyProgram(says, status));
  chmodSync(path, 0o755);
  return path;
}
