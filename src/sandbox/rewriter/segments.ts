import type { IndexSpace } from './index-space.ts';
import { I32 } from './index-space.ts';
import type { Writer } from './writer.ts';

// Segments that a guest drops are needed again by the next reset, so that nothing is ever really dropped. A dropped
// segment is one of length 0 (spec 4.6.3, memory.init and table.init), and every instruction that reads a segment has
// its source offset s and length n on top of the stack. So each is preceded by a call of `(s n) -> (s' n)` where
//
//   s' = s | (-(dropped & ((s | n) != 0)) >>> 2)
//
// that is, s itself, or at least 2^30 - 1 when the segment is dropped and anything but the empty range at 0 is asked
// for. No segment is that long (V8 takes modules of at most 2^30 bytes), so the engine's own check raises the right
// trap, after the checks that come before it in the specification (null array, destination range). Not 2^32 - 1:
// beyond 2^30 V8's table.init no longer fits its small integers and reports the table instead of the segment. One adapter therefore serves memory.init, table.init, array.new_*,
// and array.init_* alike. Active segments are dropped by instantiation, declarative ones likewise: for them
// `dropped` is the constant 1.

export type SegmentSpace = 'data' | 'element';

export class Segments {
  readonly #space: IndexSpace;
  readonly #flags: Map<string, number>;
  readonly #adapters: Map<string, number>;

  constructor(space: IndexSpace) {
    this.#space = space;
    this.#flags = new Map();
    this.#adapters = new Map();
  }

  /** The global that says whether the segment is dropped; undefined if it always is. */
  flag(kind: SegmentSpace, index: number): number | undefined {
    const { guest } = this.#space;
    const segment = kind === 'data' ? guest.data[index] : guest.elements[index];
    if (segment?.mode !== 'passive') return undefined;
    const key = `${kind}.${index}`;
    let flag = this.#flags.get(key);
    if (flag === undefined) {
      flag = this.#space.global(`$luge.dropped.${key}`, 0);
      this.#flags.set(key, flag);
    }
    return flag;
  }

  /** Function index of the adapter to call before an instruction that reads the segment. */
  adapter(kind: SegmentSpace, index: number): number {
    const flag = this.flag(kind, index);
    const key = flag === undefined ? 'gone' : `${kind}.${index}`;
    let adapter = this.#adapters.get(key);
    if (adapter === undefined) {
      const type = this.#space.type([I32, I32], [I32, I32]);
      const write = (out: Writer): void => writeAdapter(out, flag);
      adapter = this.#space.helper(`$luge.segment.${key}`, type, write);
      this.#adapters.set(key, adapter);
    }
    return adapter;
  }
}

function writeAdapter(out: Writer, flag: number | undefined): void {
  out.raw(0x00);
  out.raw(0x20, 0, 0x41, 0, 0x20, 0, 0x20, 1, 0x72, 0x41, 0, 0x47); // s 0 ((s | n) != 0)
  if (flag !== undefined) {
    out.u8(0x23);
    out.u32(flag);
    out.u8(0x71);
  }
  out.raw(0x6b, 0x41, 2, 0x76, 0x72, 0x20, 1, 0x0b); // s | (0 - … >>> 2), n
}
