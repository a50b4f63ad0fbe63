import { BPF, BPF_MAXINSNS } from '@ctr-tools/sys/constants';

/** A place in a program that is being written: something to jump to. */
export type Label = number;

/** The filter is longer than the kernel takes. */
export class TooLong extends Error {
  override name = 'TooLong';
}

const tooLong = `the filter has more instructions than the ${BPF_MAXINSNS} that the kernel takes (BPF_MAXINSNS)`;

/** All that can be used; memory that is not asked for need not be made and cleared at every start. */
const ROOM = BPF_MAXINSNS;

/**
 * Writes a classic BPF program from its end to its beginning, so that whatever is jumped to
 * already stands and its distance is known (BPF only jumps forwards). A conditional jump
 * reaches 255 instructions; what lies farther is reached through a `ja` beside it, or by
 * writing the `ret` again, which takes the same one instruction and runs one less.
 */
export class Assembler {
  /** The words of `struct sock_filter` from the end of the buffer on: code, jt and jf; and k. */
  private readonly words = new Uint32Array(ROOM * 2);
  private count = 0;
  private readonly rets = new Map<number, Label>();

  private push(code: number, k: number, jt = 0, jf = 0): Label {
    if (this.count === ROOM) throw new TooLong(tooLong);
    const at = (ROOM - 1 - this.count) * 2;
    this.words[at] = code | (jt << 16) | (jf << 24);
    this.words[at + 1] = k;
    return this.count++;
  }

  /** Instructions between the next one written and the label. */
  private distance(to: Label): number {
    return this.count - 1 - to;
  }

  private isRet(label: Label): boolean {
    return (this.words[(ROOM - 1 - label) * 2]! & 0xffff) === BPF.RET;
  }

  /** `ret action`; the nearest one that stands already, if a jump reaches it. */
  ret(action: number): Label {
    const known = this.rets.get(action);
    if (known !== undefined && this.distance(known) < 250) return known;
    const made = this.push(BPF.RET, action);
    this.rets.set(action, made);
    return made;
  }

  /** Goes on at `to` whatever comes. */
  private go(to: Label): Label {
    if (this.isRet(to)) {
      const action = this.words[(ROOM - 1 - to) * 2 + 1]!;
      const made = this.push(BPF.RET, action);
      this.rets.set(action, made);
      return made;
    }
    return this.push(BPF.JA, this.distance(to));
  }

  /** `A = word at offset`, then on to `next`. */
  load(offset: number, next: Label): Label {
    if (this.distance(next) !== 0) this.go(next);
    return this.push(BPF.LD_ABS, offset);
  }

  /** `A &= k`, then on to `next`. */
  and(k: number, next: Label): Label {
    if (this.distance(next) !== 0) this.go(next);
    return this.push(BPF.ALU_AND, k);
  }

  /** A conditional jump: JEQ, JGT, JGE or JSET of A with k. */
  jump(code: number, k: number, yes: Label, no: Label): Label {
    if (yes === no) return yes;
    let t = yes;
    let f = no;
    // Each one written moves the other one off by one, so the limit leaves room for it.
    if (this.distance(f) > 254) f = this.go(f);
    if (this.distance(t) > 255) t = this.go(t);
    return this.push(code, k, this.distance(t), this.distance(f));
  }

  /** The program as `struct sock_filter[]`, little-endian, beginning at `start`. */
  finish(start: Label): Uint8Array {
    if (this.distance(start) !== 0) this.go(start);
    return new Uint8Array(this.words.buffer, (ROOM - this.count) * 8, this.count * 8);
  }
}
