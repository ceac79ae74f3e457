import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  attachRing,
  CompletionRing,
  type Constraint,
  Deque,
  EMPTY,
  FreeList,
  FULL,
  Heap,
  type Layout,
  layout,
  MpmcRing,
  PADDING_BYTES,
  ParkingLot,
  type Region,
  SpscRing,
} from '../../src/ring/index.ts';
import { LAYOUT_BYTES_MAX } from '../../src/ring/layout.ts';
import { headerTable } from './header-table.ts';
import { refusalOf, sharedMemory } from './memories.ts';

const PAGE_BYTES = 65536;
const CANARY = 0xa5;

/** What one structure needs, from the tables in the .wat files and not from the classes. */
function bytesByTable(c: Constraint): number {
  switch (c.kind) {
    case 'deque':
      return 384 + 4 * c.capacity;
    case 'mpmc':
    case 'spsc':
    case 'completion':
      return 384 + 8 * c.capacity;
    case 'freeList':
      return 384 + 4 * c.items;
    case 'heap': {
      const places = 512 + 4 * (c.values ?? c.capacity);
      return Math.ceil(places / 64) * 64 + 48 + 16 * c.capacity;
    }
    case 'lot':
      return 384 + 128 * c.workers;
    case 'bytes':
      return c.bytes;
    default:
      return 4;
  }
}

const capacity = fc.integer({ min: 0, max: 10 }).map((n) => 2 ** n);
const count = fc.integer({ min: 0, max: 4 });
const constraint: fc.Arbitrary<Constraint> = fc.oneof(
  fc.record({ kind: fc.constantFrom('deque', 'mpmc', 'spsc', 'completion'), capacity, count }),
  fc.record({ kind: fc.constant('freeList' as const), items: fc.nat(3000), count }),
  fc.record({
    kind: fc.constant('heap' as const),
    capacity: fc.integer({ min: 1, max: 500 }),
    values: fc.integer({ min: 1, max: 500 }),
    count,
  }),
  fc.record({ kind: fc.constant('lot' as const), workers: fc.integer({ min: 1, max: 64 }), count }),
  fc.record({ kind: fc.constantFrom('bell', 'beat'), count }),
  fc.record({ kind: fc.constant('bytes' as const), bytes: fc.nat(5000), count }),
) as fc.Arbitrary<Constraint>;
const constraints: fc.Arbitrary<Record<string, Constraint>> = fc
  .array(constraint, { maxLength: 12 })
  .map((all) => Object.fromEntries(all.map((c, i) => [`${c.kind}${i}`, c])));

/** Address and constraint of each structure, in the order of the layout. */
function each(
  all: Readonly<Record<string, Constraint>>,
  { regions }: Layout<Record<string, Constraint>>,
): { name: string; constraint: Constraint; address: number; region: Region }[] {
  return Object.entries(all).flatMap(([name, c]) => {
    const region = regions[name] as Region;
    return Array.from({ length: region.count }, (_, i) => ({
      name,
      constraint: c,
      address: region.address + i * region.strideBytes,
      region,
    }));
  });
}

function create(memory: WebAssembly.Memory, address: number, c: Constraint): unknown {
  switch (c.kind) {
    case 'deque':
      return Deque.create(memory, address, c);
    case 'mpmc':
      return MpmcRing.create(memory, address, c);
    case 'spsc':
      return SpscRing.create(memory, address, c);
    case 'completion':
      return CompletionRing.create(memory, address, c);
    case 'freeList':
      return FreeList.create(memory, address, { count: c.items });
    case 'heap':
      return Heap.create(memory, address, c);
    case 'lot':
      return ParkingLot.create(memory, address, c);
    default:
      return undefined;
  }
}

describe('regions', () => {
  it('hold_what_they_must_are_aligned_and_do_not_overlap', () => {
    fc.assert(
      fc.property(constraints, fc.nat(5000), (all, fromByte) => {
        const made = layout(all, fromByte);
        expect(Object.keys(made.regions)).toEqual(Object.keys(all));
        let end = fromByte;
        for (const { name, constraint: c, address, region } of each(all, made)) {
          expect(region.count, name).toBe(c.count);
          expect([address % PADDING_BYTES, region.strideBytes % PADDING_BYTES], name).toEqual([
            0, 0,
          ]);
          expect(address, name).toBeGreaterThanOrEqual(end);
          // No hole is as large as the padding: nothing is wasted, either.
          expect(address - end, name).toBeLessThan(PADDING_BYTES);
          end = address + bytesByTable(c);
        }
        expect(made.totalBytes).toBeGreaterThanOrEqual(end);
        expect(made.totalBytes - end).toBeLessThan(PADDING_BYTES);
        expect(made.pages).toBe(Math.max(1, Math.ceil(made.totalBytes / PAGE_BYTES)));
      }),
      { numRuns: 300 },
    );
  });

  it('are_the_same_for_everybody_and_move_with_the_first_byte', () => {
    fc.assert(
      fc.property(constraints, fc.nat(5000), (all, fromByte) => {
        const [here, there] = [layout(all), layout(all, fromByte)];
        expect(layout(all)).toEqual(here);
        const shift = Math.ceil(fromByte / PADDING_BYTES) * PADDING_BYTES;
        expect(there.totalBytes).toBe(here.totalBytes + shift);
        for (const [name, { address, ...rest }] of Object.entries(here.regions)) {
          expect(there.regions[name]).toEqual({ address: address + shift, ...rest });
        }
      }),
      { numRuns: 50 },
    );
  });

  it('fit_into_a_memory_of_as_many_pages_and_into_none_of_fewer', () => {
    fc.assert(
      fc.property(constraints, (all) => {
        const made = layout(all);
        const memory = sharedMemory(made.pages);
        for (const { constraint: c, address } of each(all, made)) create(memory, address, c);
        expect(memory.buffer.byteLength).toBeGreaterThanOrEqual(made.totalBytes);
        if (made.pages > 1) expect((made.pages - 1) * PAGE_BYTES).toBeLessThan(made.totalBytes);
      }),
      { numRuns: 50 },
    );
  });

  it('begin_at_fromByte_even_when_there_are_none', () => {
    expect(layout({})).toEqual({ regions: {}, totalBytes: 0, pages: 1 });
    expect(layout({}, 129)).toEqual({ regions: {}, totalBytes: 256, pages: 1 });
    expect(layout({ a: { kind: 'bell', count: 0 } }).totalBytes).toBe(0);
    expect(layout({ a: { kind: 'beat' } }).regions.a).toEqual({
      address: 0,
      strideBytes: 128,
      count: 1,
    });
  });
});

describe.each([
  'deque.wat',
  'mpmc.wat',
  'spsc.wat',
  'completion.wat',
  'free-list.wat',
  'heap.wat',
  'lot.wat',
])('the cells of %s', (file) => {
  const cells = headerTable(file);

  it('stand_in_the_table_from_the_identity_on', () => {
    expect(cells[0]).toEqual({ offset: 0, name: 'IDENTITY', writer: 'create' });
    expect(cells.length).toBeGreaterThanOrEqual(4);
    const offsets = cells.map(({ offset }) => offset);
    expect(offsets).toEqual(offsets.toSorted((a, b) => a - b));
    expect(cells.every(({ writer }) => writer !== '')).toBe(true);
  });

  it('that_different_threads_write_lie_in_different_blocks_of_128_bytes', () => {
    // Structures begin at such a block. What all threads write, each for itself, shares one with nothing.
    const blocks = Map.groupBy(cells, ({ offset }) => Math.floor(offset / PADDING_BYTES));
    for (const block of blocks.values()) {
      const names = block.map(({ name }) => name).join();
      expect(new Set(block.map(({ writer }) => writer)).size, names).toBe(1);
      if (block[0]?.writer === 'all') expect(block.length, names).toBe(1);
    }
  });
});

describe('what_cannot_be_laid_out_is_refused_by_name', () => {
  const cases: [string, Constraint][] = [
    ['a power of two', { kind: 'deque', capacity: 3 }],
    ['a power of two', { kind: 'mpmc', capacity: 0 }],
    ['a power of two', { kind: 'spsc', capacity: 2 ** 25 }],
    ['a power of two', { kind: 'completion', capacity: Number.NaN }],
    ['count of a free list', { kind: 'freeList', items: -1 }],
    ['capacity of a heap', { kind: 'heap', capacity: 0 }],
    ['values of a heap', { kind: 'heap', capacity: 1, values: 0.5 }],
    ['workers of a lot', { kind: 'lot', workers: 65 }],
    ['jobs\\.bytes', { kind: 'bytes', bytes: -1 }],
    ['jobs\\.bytes', { kind: 'bytes', bytes: 2 ** 31 }],
    ['jobs\\.count', { kind: 'bell', count: -1 }],
    ['jobs\\.count', { kind: 'bell', count: 1.5 }],
  ];
  it.each(cases)('%s of %o', (message, c) => {
    const attempt = (): unknown => layout({ fine: { kind: 'bell' }, jobs: c });
    expect(refusalOf(attempt)).toBe('ERR_RING_CAPACITY');
    expect(attempt).toThrow(new RegExp(`^(?=jobs\\b).*${message}`));
  });

  it('a kind that there is not', () => {
    const attempt = (): unknown => layout({ jobs: { kind: 'stack' } as unknown as Constraint });
    expect(refusalOf(attempt)).toBe('ERR_RING_KIND');
    expect(attempt).toThrow("jobs.kind: there is no 'stack'");
  });

  it('what ends behind the limit, and not what ends with it', () => {
    const whole = { kind: 'bytes', bytes: LAYOUT_BYTES_MAX - 128 } as const;
    expect(layout({ head: { kind: 'bell' }, whole }).totalBytes).toBe(LAYOUT_BYTES_MAX);
    const attempt = (): unknown => layout({ head: { kind: 'bell', count: 2 }, whole });
    expect(refusalOf(attempt)).toBe('ERR_RING_CAPACITY');
    expect(attempt).toThrow(/^whole \(1 x \d+ bytes\) would end at byte/);
    const many = { kind: 'bytes', bytes: 2 ** 30, count: 2 ** 24 } as const;
    expect(() => layout({ many })).toThrow(/^many \(16777216 x 1073741824 bytes\)/);
  });

  it.each([-1, 0.5, Number.NaN, 2 ** 31])('a first byte of %d', (fromByte) => {
    expect(() => layout({}, fromByte)).toThrow(/^fromByte must be a whole number/);
  });
});

it('all_structures_work_in_one_memory_and_none_touches_its_neighbours', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 1, max: 200 }), (log, gap) => {
      const capacity = 2 ** log;
      const canary = { kind: 'bytes', bytes: gap } as const;
      const all = {
        canary0: canary,
        deques: { kind: 'deque', capacity, count: 2 },
        canary1: canary,
        mpmcs: { kind: 'mpmc', capacity, count: 2 },
        canary2: canary,
        spscs: { kind: 'spsc', capacity, count: 2 },
        canary3: canary,
        completions: { kind: 'completion', capacity, count: 2 },
        canary4: canary,
        lists: { kind: 'freeList', items: capacity, count: 2 },
        canary5: canary,
        heaps: { kind: 'heap', capacity, count: 2 },
        canary6: canary,
        lots: { kind: 'lot', workers: 1 + log, count: 2 },
        canary7: canary,
      } as const;
      const made = layout(all, 128);
      const memory = sharedMemory(made.pages);
      const { u8 } = attachRing(memory);
      // Everything is a canary until it is made: also the paddings, and what lies behind the last region.
      u8.fill(CANARY);
      for (const { constraint: c, address } of each(all, made)) create(memory, address, c);
      const { regions } = made;
      const two = <T>({ address, strideBytes }: Region, at: (address: number) => T): T[] =>
        [address, address + strideBytes].map(at);
      const values = [...Array(capacity).keys()];
      for (let lap = 0; lap < 3; lap++) {
        const queues = [
          ...two(regions.deques, (address) => Deque.attach(memory, address)).map((deque) => ({
            push: (value: number) => deque.push(value),
            pop: () => deque.steal(),
          })),
          ...two(regions.mpmcs, (address) => MpmcRing.attach(memory, address)),
          ...two(regions.spscs, (address) => SpscRing.attach(memory, address)),
        ];
        const rings = two(regions.completions, (at) => CompletionRing.attach(memory, at));
        const heaps = two(regions.heaps, (address) => Heap.attach(memory, address, 3));
        const lists = two(regions.lists, (address) => FreeList.attach(memory, address));
        const lots = two(regions.lots, (address) => ParkingLot.attach(memory, address));
        for (const value of values) {
          for (const queue of queues) expect(queue.push(value)).toBe(0);
          for (const ring of rings) ring.push(value);
          for (const heap of heaps) expect(heap.push(-value, value)).toBe(0);
        }
        for (const queue of queues) expect(queue.push(0)).toBe(FULL);
        for (const { ring, address, workers } of lots) {
          for (let w = 0; w < workers; w++) ring.fn.sleepBegin(address, w);
          for (let w = 0; w < workers; w++) ring.fn.wakeWorker(address, w);
        }
        for (const value of values) {
          expect(lists.map((list) => list.pop())).toEqual([value, value]);
          expect(queues.map((queue) => queue.pop())).toEqual(queues.map(() => value));
          expect(rings.map((ring) => ring.pop())).toEqual([value, value]);
          const latest = capacity - 1 - value;
          expect(heaps.map((heap) => heap.popMin())).toEqual([latest, latest]);
        }
        const takers = [...queues, ...rings, ...lists].map((taker) => taker.pop());
        expect(takers).toEqual(takers.map(() => EMPTY));
        for (const list of lists) for (const value of values.toReversed()) list.push(value);
      }
      // What no structure covers is what it was.
      const untouched = new Uint8Array(u8.length).fill(1);
      for (const { constraint: c, address } of each(all, made)) {
        if (c.kind !== 'bytes') untouched.fill(0, address, address + bytesByTable(c));
      }
      const broken = untouched.findIndex((is, i) => is === 1 && u8[i] !== CANARY);
      expect(broken).toBe(-1);
    }),
    { numRuns: 25 },
  );
});
