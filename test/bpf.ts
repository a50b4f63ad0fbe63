/** Filters of a few instructions, made by hand (bpf(2), linux/bpf_common.h). */

/** One instruction of classic BPF: `struct sock_filter`, little-endian. */
export function insn(code: number, jt: number, jf: number, k: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt16LE(code);
  bytes.writeUInt8(jt, 2);
  bytes.writeUInt8(jf, 3);
  bytes.writeUInt32LE(k >>> 0, 4);
  return bytes;
}
