import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  Arena,
  type ArenaConstraints,
  arenaLayout,
  attachRing,
  EMPTY,
  PADDING_BYTES,
} from '../../src/ring/index.ts';
import { LAYOUT_BYTES_MAX } from '../../src/ring/layout.ts';
import { smallArena } from './arenas.ts';

const constraints: fc.Arbitrary<ArenaConstraints> = fc.record({
  producers: fc.integer({ min: 1, max: 20 }),
  workers: fc.integer({ min: 1, max: 64 }),
  slots: fc.integer({ min: 1, max: 5000 }),
  slotBytes: fc.integer({ min: 1, max: 64 }).map((n) => n * PADDING_BYTES),
  chunks: fc.integer({ min: 0, max: 3000 }),
  chunkBytes: fc.integer({ min: 1, max: 128 }).map((n) => n * PADDING_BYTES),
  controlBytes: fc.integer({ min: 0, max: 1000 }),
  heaps: fc.integer({ min: 0, max: 4 }),
  budgets: fc.integer({ min: 0, max: 20 }),
});

it('regions_hold_what_they_must_and_do_not_overlap', () => {
  fc.assert(
    fc.property(constraints, (c) => {
      const layout = arenaLayout(c);
      // What each region needs, from the tables in the .wat files, not from the classes.
      const capacity = layout.ringCapacity;
      const regions: [number, number, number][] = [
        [layout.headerAddress, 8 + 4 * 9, 1],
        [layout.beatAddress, 12, 1],
        [layout.lotAddress, 384 + 128 * c.workers, 1],
        [layout.dequesAddress, 384 + 4 * capacity, c.producers],
        [layout.completionsAddress, 384 + 8 * capacity, c.producers],
        [layout.bellsAddress, 4, c.producers],
        [layout.controlsAddress, c.controlBytes, c.workers],
        [layout.heapsAddress, 512 + 4 * c.slots + 16 * c.slots, c.heaps],
        [layout.budgetsAddress, 136, c.budgets],
        [layout.slotListAddress, 384 + 4 * c.slots, 1],
        [layout.chunkListAddress, 384 + 4 * c.chunks, 1],
        [layout.slotsAddress, c.slotBytes, c.slots],
        [layout.chunksAddress, c.chunkBytes, c.chunks],
      ];
      const strides = [
        ...[0, 0, 0, layout.dequeStrideBytes, layout.completionStrideBytes],
        ...[layout.bellStrideBytes, layout.controlStrideBytes],
        ...[layout.heapStrideBytes, layout.budgetStrideBytes, 0, 0, c.slotBytes, c.chunkBytes],
      ];
      let end = 0;
      regions.forEach(([address, bytes, count], i) => {
        const stride = strides[i] as number;
        expect(address % PADDING_BYTES).toBe(0);
        expect(stride % PADDING_BYTES).toBe(0);
        expect(address).toBeGreaterThanOrEqual(end);
        if (count > 1) expect(stride).toBeGreaterThanOrEqual(bytes);
        end = count === 0 ? address : address + (count - 1) * stride + bytes;
      });
      expect(layout.totalBytes).toBeGreaterThanOrEqual(end);
      expect(layout.ringCapacity).toBeGreaterThanOrEqual(c.slots);
      expect(Number.isInteger(Math.log2(layout.ringCapacity))).toBe(true);
    }),
    { numRuns: 200 },
  );
});

describe('what_cannot_be_laid_out_is_refused_by_name', () => {
  const good = smallArena().constraints;
  const cases: [keyof ArenaConstraints, number][] = [
    ['producers', 0],
    ['workers', 0],
    ['slots', 0],
    ['slots', 1.5],
    ['slotBytes', 100],
    ['slotBytes', -128],
    ['chunks', -1],
    ['chunks', Number.NaN],
    ['chunkBytes', 129],
    ['controlBytes', Number.POSITIVE_INFINITY],
  ];
  it.each(cases)('%s of %d', (name, value) => {
    expect(() => arenaLayout({ ...good, [name]: value })).toThrow(
      new RegExp(`arena constraint ${name} must be .* not ${value}`),
    );
  });

  it('more than 64 workers', () => {
    expect(() => arenaLayout({ ...good, workers: 65 })).toThrow(
      'workers of a lot must be a whole number from 1 to 64, not 65',
    );
  });

  it('more than the address space of an i32', () => {
    const chunks = Math.floor(LAYOUT_BYTES_MAX / 16384);
    expect(() => arenaLayout({ ...good, chunkBytes: 16384, chunks })).toThrow(
      new RegExp(`chunks \\(${chunks} x 16384 bytes\\) would end at byte \\d+`),
    );
  });
});

describe('arena', () => {
  it('another_view_of_the_memory_sees_the_same_structures', () => {
    const arena = smallArena({ producers: 2, slots: 5 });
    const other = Arena.attach(arena.ring.memory);
    expect(other.constraints).toEqual(arena.constraints);
    expect(other.layout).toEqual(arena.layout);
    arena.deque(1).push(3);
    expect([other.deque(0).steal(), other.deque(1).steal()]).toEqual([EMPTY, 3]);
    other.completions(1).push(4);
    expect([arena.completions(0).pop(), arena.completions(1).pop()]).toEqual([EMPTY, 4]);
    arena.slotList.pop();
    expect(other.slotList.free).toBe(4);
  });

  it('what_each_answer_needs_is_attached_once', () => {
    const arena = smallArena({ producers: 2 });
    expect(arena.completions(1)).toBe(arena.completions(1));
    expect(arena.completions(1)).not.toBe(arena.completions(0));
    expect(arena.bell(1)).toBe(arena.bell(1));
    expect(arena.bell(1)).not.toBe(arena.bell(0));
  });

  it('attach_refuses_foreign_memory', () => {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
    expect(() => Arena.attach(memory)).toThrow('this memory holds no Luge arena');
  });

  it('attach_refuses_another_version', () => {
    const arena = smallArena();
    arena.ring.i32[1] = 99;
    expect(() => Arena.attach(arena.ring.memory)).toThrow(/layout version 99, this code reads 1/);
  });

  it('memory_that_is_not_shared_is_refused', () => {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
    expect(() => attachRing(memory)).toThrow(/shared: true/);
  });
});
