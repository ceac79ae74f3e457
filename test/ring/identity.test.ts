import { describe, expect, it } from 'vitest';
import {
  attachRing,
  Beat,
  Bell,
  CompletionRing,
  Deque,
  FreeList,
  Heap,
  MpmcRing,
  ParkingLot,
  SpscRing,
  Table,
} from '../../src/ring/index.ts';
import { changedBy, refusalOf, sharedMemory } from './memories.ts';

interface Structure {
  /** 0x4c52kkvv, from the table of the .wat file. */
  readonly identity: number;
  readonly bytes: number;
  readonly create: (memory: WebAssembly.Memory, address: number) => unknown;
  readonly attach: (memory: WebAssembly.Memory, address: number) => unknown;
}

const capacity = 4;
const TABLE_OPTIONS = {
  ...{ blocks: 1, tenants: 1, holders: 1, maxValueBytes: 64, buckets: 1, shards: 1 },
  secret: [1n, 2n],
} as const;
/** Sizes are from the tables, too. */
const STRUCTURES: Record<string, Structure> = {
  deque: {
    identity: 0x4c52_0101,
    bytes: 384 + 4 * capacity,
    create: (memory, address) => Deque.create(memory, address, { capacity }),
    attach: (memory, address) => Deque.attach(memory, address),
  },
  mpmc: {
    identity: 0x4c52_0201,
    bytes: 384 + 8 * capacity,
    create: (memory, address) => MpmcRing.create(memory, address, { capacity }),
    attach: (memory, address) => MpmcRing.attach(memory, address),
  },
  spsc: {
    identity: 0x4c52_0301,
    bytes: 384 + 8 * capacity,
    create: (memory, address) => SpscRing.create(memory, address, { capacity }),
    attach: (memory, address) => SpscRing.attach(memory, address),
  },
  completion: {
    identity: 0x4c52_0401,
    bytes: 384 + 8 * capacity,
    create: (memory, address) => CompletionRing.create(memory, address, { capacity }),
    attach: (memory, address) => CompletionRing.attach(memory, address),
  },
  freeList: {
    identity: 0x4c52_0501,
    bytes: 384 + 4 * capacity,
    create: (memory, address) => FreeList.create(memory, address, { count: capacity }),
    attach: (memory, address) => FreeList.attach(memory, address),
  },
  table: {
    identity: 0x4c52_0801,
    // Header, a tenant, a shard, bucket, dirty cell, links and list of 3 blocks, a request, a cell, blocks.
    bytes: 256 + 128 + 256 + 128 + 128 + 128 + 512 + 512 + 128 + 3 * 256,
    create: (memory, address) => Table.create(memory, address, TABLE_OPTIONS),
    attach: (memory, address) => Table.attach(memory, address, 0),
  },
  heap: {
    identity: 0x4c52_0601,
    bytes: 512 + 64 + 48 + 16 * capacity,
    create: (memory, address) => Heap.create(memory, address, { capacity }),
    attach: (memory, address) => Heap.attach(memory, address, 0),
  },
  lot: {
    identity: 0x4c52_0701,
    bytes: 384 + 128 * capacity,
    create: (memory, address) => ParkingLot.create(memory, address, { workers: capacity }),
    attach: (memory, address) => ParkingLot.attach(memory, address),
  },
};
const ADDRESS = 256;
const PAGE_BYTES = 65536;

describe.each(Object.entries(STRUCTURES))('%s', (name, { identity, bytes, create, attach }) => {
  it('create_writes_the_identity_and_attach_finds_the_structure', () => {
    const memory = sharedMemory();
    create(memory, ADDRESS);
    expect(attachRing(memory).i32[ADDRESS >> 2]).toBe(identity);
    expect(changedBy(memory, () => attach(memory, ADDRESS))).toEqual([]);
  });

  it('attach_refuses_a_memory_where_nothing_of_Luge_is', () => {
    const memory = sharedMemory();
    expect(refusalOf(() => attach(memory, ADDRESS))).toBe('ERR_RING_FOREIGN');
    attachRing(memory).u8.fill(0x4c); // 'LLLL…'
    expect(refusalOf(() => attach(memory, ADDRESS))).toBe('ERR_RING_FOREIGN');
    create(memory, ADDRESS);
    expect(refusalOf(() => attach(memory, ADDRESS + 128))).toBe('ERR_RING_FOREIGN');
  });

  it('attach_refuses_each_other_kind_and_says_which_it_is', () => {
    for (const [other, { create: createOther }] of Object.entries(STRUCTURES)) {
      if (other === name) continue;
      const memory = sharedMemory();
      createOther(memory, ADDRESS);
      expect(refusalOf(() => attach(memory, ADDRESS))).toBe('ERR_RING_KIND');
      expect(() => attach(memory, ADDRESS)).toThrow(
        `at ${ADDRESS} there is a ${other}, not a ${name}`,
      );
    }
    const memory = sharedMemory();
    attachRing(memory).i32[ADDRESS >> 2] = 0x4c52_c801;
    expect(refusalOf(() => attach(memory, ADDRESS))).toBe('ERR_RING_KIND');
    expect(() => attach(memory, ADDRESS)).toThrow('there is a kind 200');
  });

  it('attach_refuses_another_version', () => {
    const memory = sharedMemory();
    create(memory, ADDRESS);
    attachRing(memory).i32[ADDRESS >> 2] = (identity & ~0xff) | 0xee;
    expect(refusalOf(() => attach(memory, ADDRESS))).toBe('ERR_RING_VERSION');
    expect(() => attach(memory, ADDRESS)).toThrow('layout version 238, this code reads 1');
  });

  it.each([64, 130, 1, 128.5, -128, Number.NaN, Number.POSITIVE_INFINITY])(
    'an_address_of_%d_is_refused',
    (address) => {
      const memory = sharedMemory();
      const changed = changedBy(memory, () => {
        expect(refusalOf(() => create(memory, address))).toBe('ERR_RING_ADDRESS');
        expect(refusalOf(() => attach(memory, address))).toBe('ERR_RING_ADDRESS');
      });
      expect(changed).toEqual([]);
    },
  );

  it('what_ends_behind_the_memory_is_refused_and_what_ends_with_it_is_not', () => {
    const memory = sharedMemory();
    const last = PAGE_BYTES - 128 * Math.ceil(bytes / 128);
    const changed = changedBy(memory, () => {
      for (const address of [last + 128, PAGE_BYTES - 128, PAGE_BYTES, 2 ** 31, 2 ** 32]) {
        expect(
          refusalOf(() => create(memory, address)),
          `${address}`,
        ).toBe('ERR_RING_ADDRESS');
      }
    });
    expect(changed).toEqual([]);
    expect(refusalOf(() => create(memory, last))).toBeUndefined();
    expect(refusalOf(() => attach(memory, last))).toBeUndefined();
  });

  it('attach_refuses_a_structure_of_which_the_memory_has_a_part', () => {
    const [memory, whole] = [sharedMemory(), sharedMemory()];
    create(whole, ADDRESS);
    const last = PAGE_BYTES - 128 * Math.ceil(bytes / 128) + 128;
    const header = attachRing(whole).u8.subarray(ADDRESS, ADDRESS + PAGE_BYTES - last);
    attachRing(memory).u8.set(header, last);
    expect(refusalOf(() => attach(memory, last))).toBe('ERR_RING_ADDRESS');
    expect(refusalOf(() => attach(memory, PAGE_BYTES))).toBe('ERR_RING_ADDRESS');
  });

  it('it_ends_where_its_bytes_end', () => {
    const memory = sharedMemory();
    const { u8 } = attachRing(memory);
    u8.fill(0xa5);
    create(memory, ADDRESS);
    expect(u8.subarray(0, ADDRESS).every((byte) => byte === 0xa5)).toBe(true);
    expect(u8.subarray(ADDRESS + bytes).every((byte) => byte === 0xa5)).toBe(true);
  });

  it('a_memory_that_is_not_shared_is_refused', () => {
    const memories = [
      new WebAssembly.Memory({ initial: 1, maximum: 1 }),
      new WebAssembly.Memory({ initial: 0, maximum: 1, shared: true }),
      { buffer: new SharedArrayBuffer(PAGE_BYTES) } as WebAssembly.Memory,
    ];
    for (const memory of memories) {
      expect(refusalOf(() => create(memory, ADDRESS))).toBe('ERR_RING_MEMORY');
      expect(refusalOf(() => attach(memory, ADDRESS))).toBe('ERR_RING_MEMORY');
    }
  });

  it('a_damaged_size_is_refused', () => {
    const memory = sharedMemory();
    create(memory, ADDRESS);
    const size = (ADDRESS + 4) >> 2; // MASK, COUNT, CAPACITY or WORKERS
    const { i32 } = attachRing(memory);
    for (const [damage, code] of [
      [-2, 'ERR_RING_CAPACITY'],
      [2 ** 31 - 2, 'ERR_RING_CAPACITY'],
      ...(name === 'lot' ? [] : ([[2 ** 23 - 1, 'ERR_RING_ADDRESS']] as const)),
    ] as const) {
      i32[size] = damage;
      expect(
        refusalOf(() => attach(memory, ADDRESS)),
        `${damage}`,
      ).toBe(code);
    }
  });

  it('attach_sees_a_memory_that_has_grown', () => {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 2, shared: true });
    expect(refusalOf(() => create(memory, PAGE_BYTES))).toBe('ERR_RING_ADDRESS');
    memory.grow(1);
    create(memory, PAGE_BYTES);
    expect(refusalOf(() => attach(memory, PAGE_BYTES))).toBeUndefined();
  });
});

describe.each(['deque', 'mpmc', 'spsc', 'completion'] as const)('%s', (name) => {
  const { create, attach } = STRUCTURES[name] as Structure;

  it.each([-1, 2, 4, 2 ** 24, 2 ** 31 - 1])('a_MASK_of_%d_is_refused', (mask) => {
    const memory = sharedMemory();
    create(memory, ADDRESS);
    attachRing(memory).i32[(ADDRESS + 4) >> 2] = mask;
    expect(refusalOf(() => attach(memory, ADDRESS))).toBe('ERR_RING_CAPACITY');
  });
});

describe('options_out_of_range_are_refused_and_nothing_is_written', () => {
  const capacities = [0, -1, 3, 6, 1.5, Number.NaN, 2 ** 25, Number.POSITIVE_INFINITY];
  const counts = [-1, 1.5, Number.NaN, 2 ** 31];
  type Create = (memory: WebAssembly.Memory, n: number) => unknown;
  const cases: [string, readonly number[], Create][] = [
    ['deque capacity', capacities, (m, n) => Deque.create(m, 128, { capacity: n })],
    ['deque batch', [0, 9, ...counts], (m, n) => Deque.create(m, 128, { capacity: 8, batch: n })],
    ['mpmc capacity', capacities, (m, n) => MpmcRing.create(m, 128, { capacity: n })],
    ['spsc capacity', capacities, (m, n) => SpscRing.create(m, 128, { capacity: n })],
    ['completion capacity', capacities, (m, n) => CompletionRing.create(m, 128, { capacity: n })],
    ['free list count', counts, (m, n) => FreeList.create(m, 128, { count: n })],
    ['heap capacity', [0, ...counts], (m, n) => Heap.create(m, 128, { capacity: n })],
    ['heap values', [0, ...counts], (m, n) => Heap.create(m, 128, { capacity: 1, values: n })],
    ['heap spins', counts, (m, n) => Heap.create(m, 128, { capacity: 1, spins: n })],
    ['heap holder', [2 ** 31 - 1, ...counts], (m, n) => Heap.create(m, 128, { capacity: 1 }, n)],
    ['lot workers', [0, 65, ...counts], (m, n) => ParkingLot.create(m, 128, { workers: n })],
  ];
  it.each(cases)('%s', (_name, values, create) => {
    for (const n of values) {
      const memory = sharedMemory();
      const changed = changedBy(memory, () => {
        expect(
          refusalOf(() => create(memory, n)),
          `${n}`,
        ).toBe('ERR_RING_CAPACITY');
      });
      expect(changed, `${n}`).toEqual([]);
    }
  });

  it('a holder that attaches', () => {
    const memory = sharedMemory();
    Heap.create(memory, 128, { capacity: 1 });
    for (const holder of [-1, 0.5, 2 ** 31 - 1]) {
      expect(refusalOf(() => Heap.attach(memory, 128, holder))).toBe('ERR_RING_CAPACITY');
    }
  });
});

it.each([64, 65536, -128, 0.5])('a_bell_and_a_beat_at_%d_are_refused', (address) => {
  expect(refusalOf(() => new Bell(sharedMemory(), address))).toBe('ERR_RING_ADDRESS');
  expect(refusalOf(() => new Beat(sharedMemory(), address))).toBe('ERR_RING_ADDRESS');
});

it('handles_see_each_others_values_and_a_memory_has_one_set_of_views', () => {
  const memory = sharedMemory();
  const ring = MpmcRing.create(memory, 128, { capacity: 2 });
  const other = MpmcRing.attach(memory, 128);
  expect(other.capacity).toBe(2);
  ring.push(5);
  expect([other.pop(), attachRing(memory)]).toEqual([5, attachRing(memory)]);
  expect(attachRing(memory)).toBe(attachRing(memory));
});

it('a_handle_goes_on_when_its_memory_grows', () => {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 2, shared: true });
  const ring = SpscRing.create(memory, 128, { capacity: 2 });
  ring.push(5);
  memory.grow(1);
  expect(attachRing(memory).i32.byteLength).toBe(2 * PAGE_BYTES);
  expect([SpscRing.attach(memory, 128).pop(), ring.push(6), ring.pop()]).toEqual([5, 0, 6]);
});
