import { BPF_MAXINSNS } from '@ctr-tools/sys/constants';

/** One instruction of `struct sock_filter`. */
export interface Instruction {
  code: number;
  jt: number;
  jf: number;
  k: number;
}

const SIZE = 8;

/** The instructions of a compiled filter. Throws an `Error` for bytes that cannot be one. */
export function decode(program: Uint8Array): Instruction[] {
  const { byteLength: length } = program;
  if (length === 0) throw new Error('it is empty');
  if (length % SIZE !== 0)
    throw new Error(`its ${length} bytes are no multiple of ${SIZE}, the size of an instruction`);
  if (length / SIZE > BPF_MAXINSNS)
    throw new Error(`it has ${length / SIZE} instructions; the kernel takes ${BPF_MAXINSNS}`);
  const view = new DataView(program.buffer, program.byteOffset, length);
  return Array.from({ length: length / SIZE }, (_, i) => ({
    code: view.getUint16(i * SIZE, true),
    jt: view.getUint8(i * SIZE + 2),
    jf: view.getUint8(i * SIZE + 3),
    k: view.getUint32(i * SIZE + 4, true),
  }));
}
