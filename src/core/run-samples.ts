/**
 * What the last runs of a function took, and the percentile of them that the next one is expected to take: in a shared buffer, written by all
 * workers and read by whoever submits.
 *
 *   byte  name      written by               read by     meaning
 *      0  ESTIMATE  whoever took a due one   all         the percentile; before the first run: what was expected
 *      4  MEASURED  whoever took a due one   all         runs that it is from, 0 to 256; 0 = ESTIMATE was not measured
 *    128  TICKETS   workers, atomic add      workers     runs recorded, free-running
 *    256  SAMPLES   workers                  workers     256 cells, run n in cell n mod 256; 0 = none yet
 *
 * Times are nanoseconds as the bits of a float32: seven digits from 1 ns to hours, never torn in a cell of 32 bits (ECMA-262 promises
 * that of integers of this size, and not of doubles), and positive ones compare like their bits.
 * R1  A ticket's cell is written by its taker alone, until 256 more were taken. ESTIMATE is the percentile of what lies in the cells: of the last
 *     256 runs, but for those whose takers are between ticket and store, or died there: such a cell has an older run, or none.
 * R2  Due are each of the first 32 tickets, then every 64th: so ESTIMATE is at most 63 runs old, and on the first run it is that run.
 *     Two workers may be at it at once; the slower one's value stays until the next due ticket, at most 63 runs old as well.
 *     A run costs 0.13 µs on average, behind the delivery of its answer; with each run due it would be 2.
 * R3  A thread that dies leaves nothing held. Progress: wait-free.
 * Rejected: a histogram (a percentile in its grid is off by the grid, and it forgets nothing); one worker that looks after all (it would have
 * to be told). As SLEdge's admission: p-th percentile of 256 runs; there the first run fills the window, and each run sorts itself in.
 */
import { percentileRank, selectRank } from './percentile.ts';

const SAMPLES = 256;
const DUE_FIRST = 32;
/** A quarter of the window: to move half of it takes 128 runs anyway. */
const DUE_EVERY = 64;

const ESTIMATE = 0;
const MEASURED = 1;
const TICKETS = 32;
const SAMPLES_AT = 64;
export const SAMPLE_BYTES: number = (SAMPLES_AT + SAMPLES) * 4;

const floats = new Float32Array(1);
const bits = new Uint32Array(floats.buffer);
/** A thread's own copy of the samples. */
const copy = new Uint32Array(SAMPLES);

/** A number as the bits of a float32. */
export function float32Bits(value: number): number {
  floats[0] = value;
  return bits[0] as number;
}

export function float32Of(cell: number): number {
  bits[0] = cell;
  return floats[0] as number;
}

/** Whether the taker of the ticket behind which `count` runs are recorded computes the percentile anew. */
export function isDue(count: number): boolean {
  return count <= DUE_FIRST || count % DUE_EVERY === 0;
}

export class RunSamples {
  readonly #u32: Uint32Array<SharedArrayBuffer>;
  readonly #percentile: number;

  constructor(buffer: SharedArrayBuffer, percentile: number) {
    this.#u32 = new Uint32Array(buffer, 0, SAMPLE_BYTES / 4);
    this.#percentile = percentile;
  }

  /** Before anybody else has the buffer. */
  expect(ns: number): void {
    this.#u32[ESTIMATE] = float32Bits(ns);
  }

  get estimateNs(): number {
    return float32Of(this.#u32[ESTIMATE] as number);
  }

  get measured(): number {
    return this.#u32[MEASURED] as number;
  }

  /** A run has ended well. */
  record(ns: number): void {
    const ticket = Atomics.add(this.#u32, TICKETS, 1) >>> 0;
    // 0 would be no sample: a clock may stand still over an empty function.
    this.#u32[SAMPLES_AT + (ticket % SAMPLES)] = float32Bits(Math.max(1, ns));
    if (isDue((ticket + 1) >>> 0)) this.#publish();
  }

  #publish(): void {
    let count = 0;
    for (let i = 0; i < SAMPLES; i++) {
      const sample = this.#u32[SAMPLES_AT + i] as number;
      if (sample !== 0) copy[count++] = sample;
    }
    this.#u32[ESTIMATE] = selectRank(copy, count, percentileRank(count, this.#percentile));
    this.#u32[MEASURED] = count;
  }
}
