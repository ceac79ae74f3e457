/**
 * What a reset will cost, estimated from what it does: for `luge inspect`, so that the author of a module sees what its memory and its
 * segments cost at each request.
 *
 * A sum of terms that were measured one by one (modules with 1 to 1,024 pages, 1 to 1,000 segments, …, reset in a loop;
 * fastest of 30 rounds; Intel Xeon and AMD EPYC, Node 26.10): warm caches, nothing else on the core. It leaves out the faults of pages
 * that are touched for the first time, what the guest writes (filling an OS page of 4 KiB again: 0.05 µs), and the guest's own start
 * function. With the native addon memories of two pages and more cost about 1 µs whatever their size.
 *
 *   call of reset                        0.005 µs
 *   a page of 64 KiB that nobody wrote   0.4 µs      0.57 if it is resident, 2.2 if it is in no cache either
 *   a data segment, a byte of it         0.025, 0.00003 µs
 *   an element of a table that is filled 0.009 µs
 *   an element segment, an item of it    0.025, 0.04 µs
 *   a global                             0.0002 µs
 */
import type { ResetInfo } from './rewriter/index.ts';

export const RESET_COST_US: {
  readonly call: number;
  readonly page: number;
  readonly dataSegment: number;
  readonly dataByte: number;
  readonly tableElement: number;
  readonly elementSegment: number;
  readonly element: number;
  readonly global: number;
} = {
  call: 0.005,
  page: 0.4,
  dataSegment: 0.025,
  dataByte: 0.000_03,
  tableElement: 0.009,
  elementSegment: 0.025,
  element: 0.04,
  global: 0.0002,
};

/** Microseconds, to two significant digits, which is more than the estimate is good for. */
export function estimateResetUs(reset: ResetInfo): number {
  const cost = RESET_COST_US;
  const us =
    cost.call +
    cost.page * reset.clearedPages +
    cost.dataSegment * reset.dataSegments +
    cost.dataByte * reset.dataBytes +
    cost.tableElement * reset.tableElements +
    cost.elementSegment * reset.elementSegments +
    cost.element * reset.elements +
    cost.global * reset.globals;
  return Number(us.toPrecision(2));
}
