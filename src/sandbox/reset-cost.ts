/**
 * What a reset will cost, estimated from what it does: for `luge inspect`, so that the author of a module sees what its memory and its
 * segments cost at each request.
 *
 * A sum of terms that were measured one by one (modules with 1 to 1,024 pages, 1 to 1,000 segments, …, reset in a loop;
 * fastest of 60 rounds; AMD EPYC, Node 26.10): warm caches, nothing else on the core. It leaves out the faults of pages
 * that are touched for the first time, and the guest's own start function. Within a factor of two of what `npm run bench -- sandbox`
 * measures; a machine with another cache has other numbers.
 *
 *   call of reset                        0.005 µs
 *   a page of 64 KiB, each of the first 8  0.7 µs    about the size of the L2 cache
 *   a page behind them                   1.1 µs      17 pages 17.6 µs, 128 pages 140 µs
 *   a data segment, a byte of it         0.025, 0.00003 µs
 *   an element of a table that is filled 0.009 µs
 *   an element segment, an item of it    0.025, 0.04 µs
 *   a global                             0.0002 µs
 */
import type { ResetInfo } from './rewriter/index.ts';

export const RESET_COST_US: {
  readonly call: number;
  readonly cachedPage: number;
  readonly page: number;
  readonly dataSegment: number;
  readonly dataByte: number;
  readonly tableElement: number;
  readonly elementSegment: number;
  readonly element: number;
  readonly global: number;
} = {
  call: 0.005,
  cachedPage: 0.7,
  page: 1.1,
  dataSegment: 0.025,
  dataByte: 0.000_03,
  tableElement: 0.009,
  elementSegment: 0.025,
  element: 0.04,
  global: 0.0002,
};

const CACHED_PAGES = 8;

/** Microseconds, to two significant digits, which is more than the estimate is good for. */
export function estimateResetUs(reset: ResetInfo): number {
  const cost = RESET_COST_US;
  const cached = Math.min(reset.clearedPages, CACHED_PAGES);
  const us =
    cost.call +
    cost.cachedPage * cached +
    cost.page * (reset.clearedPages - cached) +
    cost.dataSegment * reset.dataSegments +
    cost.dataByte * reset.dataBytes +
    cost.tableElement * reset.tableElements +
    cost.elementSegment * reset.elementSegments +
    cost.element * reset.elements +
    cost.global * reset.globals;
  return Number(us.toPrecision(2));
}
