import fc from 'fast-check';
import { expect, it } from 'vitest';
import { RunHeap } from '../../../src/core/scheduling/run-heap.ts';

it('the_run_heap_answers_as_a_sorted_array_does', () => {
  // Few keys, so that equal ones are common; long runs of pushes, so that it grows.
  const key = fc.oneof(fc.integer({ min: -3, max: 3 }), fc.constant(Number.POSITIVE_INFINITY));
  const step = fc.oneof(
    { weight: 3, arbitrary: key },
    { weight: 2, arbitrary: fc.constant('pop') },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const heap = new RunHeap<number>();
      let model: [number, number][] = [];
      let id = 0;
      for (const at of steps) {
        if (at === 'pop') {
          expect(heap.pop()).toBe(model[0]?.[1]);
          model = model.slice(1);
        } else {
          heap.push(at as number, id);
          const behind = model.filter(([other]) => other > (at as number));
          const before = model.filter(([other]) => other <= (at as number));
          model = [...before, [at as number, id++], ...behind];
        }
        expect(heap.size).toBe(model.length);
        expect(heap.leastKey).toBe(model[0]?.[0] ?? Number.POSITIVE_INFINITY);
      }
      for (const [, item] of model) expect(heap.pop()).toBe(item);
      expect(heap.pop()).toBeUndefined();
    }),
    { numRuns: 300 },
  );
});
