import fc from 'fast-check';
import { expect, it } from 'vitest';
import { PoolCells } from '../../src/sandbox/index.ts';

it('workers_keep_to_a_common_limit', () => {
  const WORKERS = 3;
  const step = fc.record({ worker: fc.nat(WORKERS - 1), enters: fc.boolean() });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5 }), fc.array(step), (limit, steps) => {
      const { buffer } = PoolCells.create(WORKERS, limit);
      const cells = Array.from({ length: WORKERS }, (_, w) => new PoolCells(buffer, w));
      const model = cells.map(() => 0);
      for (const { worker, enters } of steps) {
        const sum = model.reduce((a, b) => a + b, 0);
        if (enters) {
          expect(cells[worker]!.tryEnter()).toBe(sum < limit);
          if (sum < limit) model[worker]!++;
        } else if (model[worker]! > 0) {
          cells[worker]!.leave();
          model[worker]!--;
        }
        expect(cells.map((own, w) => own.read(w).inUse)).toEqual(model);
      }
    }),
    { numRuns: 60 },
  );
});

it('of_two_that_meet_at_the_limit_at_least_one_steps_back', () => {
  const { buffer } = PoolCells.create(2, 1);
  const cells = [new PoolCells(buffer, 0), new PoolCells(buffer, 1)];
  // What the other one has published between this one's two steps: both have raised their cells.
  const i32 = new Int32Array(buffer);
  const line = (worker: number): number => 32 * (1 + worker);
  i32[line(1)] = 1;
  expect(cells[0]!.tryEnter()).toBe(false);
  expect(cells[0]!.total()).toBe(1);
});

it('without_a_limit_any_number_enters_and_a_lower_one_ends_nothing', () => {
  const cells = PoolCells.create(1);
  for (let i = 0; i < 100; i++) expect(cells.tryEnter()).toBe(true);
  cells.limit = 10;
  expect([cells.tryEnter(), cells.total(), cells.limit]).toEqual([false, 100, 10]);
  cells.limit = Number.POSITIVE_INFINITY;
  expect(cells.tryEnter()).toBe(true);
});

it('a_dead_worker_holds_nothing', () => {
  const { buffer } = PoolCells.create(2, 3);
  const [own, other] = [new PoolCells(buffer, 0), new PoolCells(buffer, 1)];
  own.tryEnter();
  other.tryEnter();
  other.made(4);
  other.ready = 2;
  own.clear(1);
  expect(own.read(1)).toEqual({ inUse: 0, ready: 0, made: 1, retired: 0, pages: 0 });
  expect(own.total()).toBe(1);
});
