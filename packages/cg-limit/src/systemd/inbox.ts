/** Bytes that came and were not taken yet. */
export class Inbox {
  private bytes = new Uint8Array(1 << 16);
  private from = 0;
  private to = 0;

  add(more: Uint8Array): void {
    const held = this.to - this.from;
    if (this.to + more.length > this.bytes.length) {
      const next =
        held + more.length > this.bytes.length ? new Uint8Array(2 * (held + more.length)) : this.bytes;
      next.set(this.bytes.subarray(this.from, this.to));
      [this.bytes, this.from, this.to] = [next, 0, held];
    }
    this.bytes.set(more, this.to);
    this.to += more.length;
  }

  /** What is there, until the next `add`. */
  peek(): Uint8Array {
    return this.bytes.subarray(this.from, this.to);
  }

  /** Take the first `n` bytes away. */
  drop(n: number): void {
    this.from += n;
  }
}
