/** The words that every structure of this layer speaks. Values are indices >= 0; these are the other answers. */

/** There was nothing to take. */
export const EMPTY = -1;
/** Another thread won the race, or is in the middle of it; there may be more: ask again. */
export const RETRY = -2;
/** There was no room. */
export const FULL = -3;
/** GONE - value: it was taken back by who pushed it, and who took it out gives it back to the free list (ring.wat, M). */
export const GONE = -4;

/**
 * Bytes between cells that different threads write. Two 64-byte lines: the spatial prefetcher of x86 pulls lines in
 * aligned pairs, and on Apple's and some ARM cores a line has 128 bytes.
 */
export const PADDING_BYTES = 128;

/** What a thread needs to use the structures in one shared memory. Made by `attachRing`. */
export interface Ring {
  readonly memory: WebAssembly.Memory;
  readonly fn: RingFunctions;
  readonly i32: Int32Array<SharedArrayBuffer>;
  readonly f64: Float64Array<SharedArrayBuffer>;
  readonly u8: Uint8Array<SharedArrayBuffer>;
}

/** What rings with free-running counters are made from. */
export interface RingOptions {
  /** A power of two up to 2^24. */
  readonly capacity: number;
  /** The first ticket, 0 by default: a test starts it just below 2^31 or 2^32. */
  readonly start?: number;
}

/** The exports of the ring module; contracts and layouts stand in the .wat files. Addresses are in bytes. */
export interface RingFunctions {
  dequePush(deque: number, value: number): number;
  dequePushMark(deque: number, value: number, state: number, mark: number): number;
  dequePop(deque: number): number;
  dequeSteal(deque: number): number;
  dequeStealMark(deque: number, states: number, strideBytes: number, mark: number): number;
  dequeStealBatch(deque: number, batch: number, max: number): number;
  dequeSize(deque: number): number;
  dequesFind(first: number, strideBytes: number, count: number, from: number): number;
  mpmcPush(ring: number, value: number): number;
  mpmcPop(ring: number): number;
  mpmcPushMany(ring: number, from: number, count: number): number;
  mpmcPopMany(ring: number, batch: number, max: number): number;
  mpmcSize(ring: number): number;
  spscPush(ring: number, value: number): number;
  spscPop(ring: number): number;
  spscReady(ring: number): number;
  spscPushMany(ring: number, from: number, count: number): number;
  spscPopMany(ring: number, batch: number, max: number): number;
  spscSize(ring: number): number;
  completionPush(ring: number, value: number): void;
  completionFinish(
    ring: number,
    value: number,
    state: number,
    expected: number,
    next: number,
  ): number;
  completionPop(ring: number): number;
  completionPopMark(ring: number, states: number, strideBytes: number, mark: number): number;
  completionReady(ring: number): number;
  freePop(list: number): number;
  freePopMark(list: number, states: number, strideBytes: number, mark: number): number;
  freePushMark(list: number, index: number, state: number, mark: number): void;
  freePushChain(list: number, first: number, last: number, count: number): void;
  chainAppend(chain: number, list: number): number;
  chainNext(list: number, index: number): number;
  chainRelease(chain: number, list: number): void;
  heapPush(heap: number, holder: number, key: number, value: number): number;
  heapPushKey64(heap: number, holder: number, key: bigint, value: number): number;
  heapPopMin(
    heap: number,
    holder: number,
    states: number,
    strideBytes: number,
    mark: number,
  ): number;
  heapPopMinBelow(
    heap: number,
    holder: number,
    below: number,
    states: number,
    strideBytes: number,
    mark: number,
  ): number;
  heapRemove(heap: number, holder: number, value: number): number;
  heapRecover(heap: number, holder: number): number;
  heapPeek(heap: number): number;
  heapPeekKey64(heap: number): bigint;
  heapSize(heap: number): number;
  budgetLeft(budget: number, now: number): number;
  budgetCharge(budget: number, now: number, units: number): void;
  tableGet(
    table: number,
    tenant: number,
    key: number,
    keyBytes: number,
    now: number,
    to: number,
    cap: number,
  ): number;
  tableEntry(table: number, bucket: number, n: number, to: number, cap: number): number;
  tableWrite(table: number, holder: number, request: number): number;
  tableSweep(table: number, holder: number, bucket: number, now: number): number;
  tableRecover(table: number, holder: number): number;
  wakeOne(lot: number): number;
  wakeAny(lot: number): number;
  wakeWorker(lot: number, worker: number): number;
  sleepBegin(lot: number, worker: number): void;
  sleepWait(lot: number, worker: number, timeoutNs: number): number;
  sleepEnd(lot: number, worker: number): void;
  searchBegin(lot: number, worker: number): void;
  searchEnd(lot: number, worker: number): number;
  lotForget(lot: number, worker: number): void;
  searchers(lot: number): number;
  bellRing(bell: number): void;
  load32(address: number): number;
  store32(address: number, value: number): void;
  add32(address: number, value: number): number;
  cas32(address: number, expected: number, next: number): number;
  loadF64(address: number): number;
  storeF64(address: number, value: number): void;
}
