/** H1 of heap.wat, read from the memory itself. */

const CAPACITY = 4;
const VALUES = 8;
const ENTRIES = 16;
const LOCK = 128;
const MIN = 256;
const COUNT = 264;
const OP = 384;
const PLACE = 512;
const ENTRY_BYTES = 16;
const NOTHING = 2n ** 63n - 1n;

/** Throws unless the heap, which nobody else may have locked, is in order. The values that it holds. */
export function checkHeap(i32: Int32Array<SharedArrayBuffer>, heap: number): Set<number> {
  const i64 = new BigInt64Array(i32.buffer);
  const word = (at: number): number => i32[at >> 2] as number;
  const count = word(heap + COUNT);
  const entry = (i: number): number => heap + word(heap + ENTRIES) + ENTRY_BYTES * i;
  const key = (i: number): bigint => i64[entry(i) >> 3] as bigint;
  if (count < 0 || count > word(heap + CAPACITY)) throw new Error(`the heap has ${count} entries`);
  if (word(heap + OP) !== 0)
    throw new Error('an operation is under way, and nobody holds the lock');
  const held = new Set<number>();
  for (let i = 0; i < count; i++) {
    const value = word(entry(i) + 12);
    if (word(heap + PLACE + 4 * value) !== i + 1) {
      throw new Error(
        `entry ${i} is value ${value}, whose place is ${word(heap + PLACE + 4 * value)}`,
      );
    }
    held.add(value);
    const parent = (i - 1) >> 2;
    if (i === 0) continue;
    const isLater = (word(entry(i) + 8) - word(entry(parent) + 8)) | 0;
    if (key(i) < key(parent) || (key(i) === key(parent) && isLater < 0)) {
      throw new Error(`entry ${i} (key ${key(i)}) belongs before its parent (key ${key(parent)})`);
    }
  }
  for (let value = 0; value < word(heap + VALUES); value++) {
    if ((word(heap + PLACE + 4 * value) !== 0) !== held.has(value)) {
      throw new Error(`value ${value} has a place and no entry`);
    }
  }
  const min = i64[(heap + MIN) >> 3];
  if (min !== (count === 0 ? NOTHING : key(0))) throw new Error(`MIN is ${min}, not ${key(0)}`);
  return held;
}

/** Locks the heap as `holder`, so that it can be read while others use it; false when somebody has it. */
export function lockHeap(
  i32: Int32Array<SharedArrayBuffer>,
  heap: number,
  holder: number,
): boolean {
  return Atomics.compareExchange(i32, (heap + LOCK) >> 2, 0, holder + 1) === 0;
}

export function unlockHeap(i32: Int32Array<SharedArrayBuffer>, heap: number): void {
  Atomics.store(i32, (heap + LOCK) >> 2, 0);
}
