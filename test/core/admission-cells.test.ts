/** The sums that admission goes by, against a plain model. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { utilizationOf } from '../../src/core/admission.ts';
import { AdmissionBoard } from '../../src/core/admission-board.ts';
import { AdmissionCells, MILLION } from '../../src/core/admission-cells.ts';

function blocks(producers: number, capacity?: number): AdmissionCells[] {
  const { buffer } = AdmissionCells.create(producers, capacity);
  return Array.from({ length: producers }, (_, p) => new AdmissionCells(buffer, p));
}

it('producers_keep_to_a_common_capacity_and_all_comes_back', () => {
  const PRODUCERS = 3;
  const step = fc.record({
    producer: fc.nat(PRODUCERS - 1),
    utilization: fc.integer({ min: 1, max: MILLION }),
    workUs: fc.integer({ min: 0, max: 2 ** 45 }),
    isEnd: fc.boolean(),
  });
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 3 * MILLION }),
      fc.array(step, { maxLength: 200, size: 'max' }),
      (capacity, steps) => {
        const cells = blocks(PRODUCERS, capacity);
        const underWay: { producer: number; utilization: number; workUs: number }[] = [];
        const sum = () => underWay.reduce((all, { utilization }) => all + utilization, 0);
        for (const { isEnd, ...request } of steps) {
          const at = underWay.findIndex(({ producer }) => producer === request.producer);
          if (isEnd && at >= 0) {
            const [ended] = underWay.splice(at, 1);
            cells[request.producer]!.giveBack(ended!.utilization, ended!.workUs);
          } else {
            const fits = underWay.length === 0 || sum() + request.utilization < capacity;
            const { producer, utilization, workUs } = request;
            expect(cells[producer]!.tryAdmit(utilization, workUs)).toBe(fits);
            if (fits) underWay.push(request);
          }
          expect(cells[0]!.total()).toEqual({
            utilization: sum(),
            requests: underWay.length,
            workUs: underWay.reduce((all, { workUs }) => all + workUs, 0),
            refused: 0,
          });
        }
        for (const { producer, utilization, workUs } of underWay.splice(0)) {
          cells[producer]!.giveBack(utilization, workUs);
        }
        expect(cells[0]!.total()).toEqual({ utilization: 0, requests: 0, workUs: 0, refused: 0 });
      },
    ),
    { numRuns: 100 },
  );
});

it('of_two_that_meet_at_the_limit_at_least_one_steps_back', () => {
  const [own, other] = blocks(2, MILLION) as [AdmissionCells, AdmissionCells];
  // What the other one has published between this one's two steps: both have raised their cells.
  const i32 = new Int32Array(own.buffer);
  i32[64] = 700_000;
  expect(own.tryAdmit(700_000, 1)).toBe(false);
  expect(own.total()).toMatchObject({ utilization: 700_000, requests: 0, workUs: 0 });
  i32[64] = 0;
  expect(other.tryAdmit(700_000, 1)).toBe(true);
});

it('where_nothing_else_is_admitted_anything_is', () => {
  const [cells] = blocks(1, 100) as [AdmissionCells];
  expect(cells.tryAdmit(MILLION, 5)).toBe(true);
  expect(cells.tryAdmit(1, 5)).toBe(false);
  cells.giveBack(MILLION, 5);
  expect(cells.tryAdmit(99, 5)).toBe(true);
  expect(cells.tryAdmit(1, 5), 'the capacity itself is too much').toBe(false);
});

it('without_a_capacity_all_are_admitted_and_a_lower_one_takes_nothing_back', () => {
  const [cells] = blocks(1) as [AdmissionCells];
  for (let i = 0; i < 100; i++) expect(cells.tryAdmit(MILLION, 1)).toBe(true);
  expect(cells.waitUs(MILLION)).toBe(0);
  cells.capacity = 5;
  expect([cells.tryAdmit(1, 1), cells.total().requests]).toEqual([false, 100]);
  cells.capacity = Number.POSITIVE_INFINITY;
  expect(cells.tryAdmit(1, 1)).toBe(true);
});

it('a_dead_producer_has_admitted_nothing', () => {
  const [own, other] = blocks(2, 2 * MILLION) as [AdmissionCells, AdmissionCells];
  own.tryAdmit(300, 7);
  other.tryAdmit(500, 9);
  other.refused();
  own.clear(1);
  expect(own.total()).toEqual({ utilization: 300, requests: 1, workUs: 7, refused: 1 });
});

it('the_wait_is_the_work_that_is_in_the_way_at_the_rate_of_the_capacity', () => {
  const [cells] = blocks(1, 2 * MILLION) as [AdmissionCells];
  expect(cells.waitUs(MILLION)).toBe(0);
  for (let i = 0; i < 4; i++) cells.tryAdmit(450_000, 1000);
  // 1.8 workers with 4 ms of work; 0.4 more are 0.2 too many: a ninth of the work, at two workers.
  expect(Math.round(cells.waitUs(400_000))).toBe(Math.round(4000 / 9 / 2));
  expect(cells.waitUs(1000)).toBe(0);
  // No more than all of it.
  expect(cells.waitUs(50 * MILLION)).toBe(2000);
});

it('a_request_counts_as_a_millionth_to_one_worker', () => {
  const cases: [number, number, number][] = [
    [50, 100, 500_000],
    [1, 3, 333_333],
    [0, 100, 1],
    [1, 1e12, 1],
    [100, 100, MILLION],
    [5000, 100, MILLION],
    [5, 0, MILLION],
    [5, -1, MILLION],
    [5, Number.POSITIVE_INFINITY, 1],
    [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, MILLION],
  ];
  for (const [estimate, deadline, utilization] of cases) {
    expect(utilizationOf(estimate, deadline), `${estimate} of ${deadline}`).toBe(utilization);
  }
});

it('a_reserve_is_a_part_of_the_workers', () => {
  expect(new AdmissionBoard({}, 5, 1).stats().capacity).toBe(4);
  expect(new AdmissionBoard({ reserve: 0 }, 2, 1).stats().capacity).toBe(2);
  for (const reserve of [-0.1, 1, Number.NaN]) {
    expect(() => new AdmissionBoard({ reserve }, 2, 1)).toThrow('admission.reserve');
  }
});

it('the_board_clears_a_dead_producer_everywhere', () => {
  const board = new AdmissionBoard({}, 2, 3);
  const tenant = board.tenant(7, 'seven');
  for (const buffer of [board.buffer, tenant]) new AdmissionCells(buffer, 2).tryAdmit(1000, 1);
  expect(board.stats()).toMatchObject({
    admitted: 0.001,
    tenants: [{ tenant: 'seven', requests: 1 }],
  });
  board.clear(2);
  expect(board.stats()).toMatchObject({ admitted: 0, tenants: [{ admitted: 0, requests: 0 }] });
});
