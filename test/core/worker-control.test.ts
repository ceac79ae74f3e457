import { expect, it } from 'vitest';
import { CONTROL_BYTES, COUNTERS, WorkerControl } from '../../src/core/worker-control.ts';
import { Arena } from '../../src/ring/index.ts';
import { SLOT_BYTES } from '../../src/sandbox/index.ts';

it('every_counter_has_a_cell_of_its_own_within_its_worker', () => {
  const arena = Arena.create({
    ...{ producers: 1, workers: 2, slots: 1, slotBytes: SLOT_BYTES, chunks: 1, chunkBytes: 4096 },
    controlBytes: CONTROL_BYTES,
  });
  const [first, second] = [new WorkerControl(arena, 0), new WorkerControl(arena, 1)];
  COUNTERS.forEach((_, counter) => {
    first.set(counter, 1 + counter);
    second.count(counter, -1 - counter);
  });
  const read = (control: WorkerControl): number[] => {
    const { worker: _, ...counts } = control.read(7);
    return Object.values(counts);
  };
  expect(read(first)).toEqual(COUNTERS.map((_, counter) => 1 + counter));
  expect(read(second)).toEqual(COUNTERS.map((_, counter) => -1 - counter));
  // Beyond the block would be the next worker's, and behind the last one somebody else's.
  expect(256 + 4 * COUNTERS.length).toBeLessThanOrEqual(CONTROL_BYTES);
});
