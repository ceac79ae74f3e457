import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { attachRing, EMPTY, FreeList } from '../../src/ring/index.ts';
import { changedBy, SHAPES, sharedMemory } from './memories.ts';

const ADDRESS = 128;
const HEAD = ADDRESS + 128;
const TAG = HEAD + 4;
const FREE = ADDRESS + 256;
const NEXT = ADDRESS + 384;

interface Setup {
  readonly memory: WebAssembly.Memory;
  readonly list: FreeList;
  readonly i32: Int32Array<SharedArrayBuffer>;
}

function listOf(count: number, start: number = 0): Setup {
  const memory = sharedMemory();
  const list = FreeList.create(memory, ADDRESS, { count, start });
  return { memory, list, i32: attachRing(memory).i32 };
}

describe.each(SHAPES)('$capacity indices, tag from $start', ({ capacity: count, start }) => {
  it('F1_each_change_takes_a_new_tag', () => {
    const { memory, list, i32 } = listOf(count, start);
    const tag = (): number => (i32[TAG >> 2] as number) >>> 0;
    for (let change = 1; change <= 8; change += 2) {
      const index = list.pop();
      expect(tag()).toBe((start + change) % 2 ** 32);
      list.push(index);
      expect(tag()).toBe((start + change + 1) % 2 ** 32);
    }
    for (let i = 0; i < count; i++) list.pop();
    expect(changedBy(memory, () => expect(list.pop()).toBe(EMPTY))).toEqual([]);
  });

  it('F1_a_thread_that_looked_before_a_pop_and_a_push_takes_nothing', () => {
    const { list, i32 } = listOf(count, start);
    const heads = new BigInt64Array(i32.buffer, HEAD, 1);
    const seen = heads[0] as bigint;
    const index = list.pop();
    list.push(index);
    // The same index is on top: without the tag the CAS of that thread would succeed.
    expect(i32[HEAD >> 2]).toBe(index + 1);
    expect(Atomics.compareExchange(heads, 0, seen, 0n)).not.toBe(seen);
    expect(list.pop()).toBe(index);
  });

  it('F2_a_pop_writes_no_NEXT_and_a_push_only_its_own', () => {
    const { memory, list } = listOf(count, start);
    const nexts = (changed: number[]): number[] => changed.filter((at) => at >= NEXT);
    const index = list.pop();
    if (count > 1) {
      expect(nexts(changedBy(memory, () => list.pop()))).toEqual([]);
      expect(nexts(changedBy(memory, () => list.push(index)))).toEqual([NEXT + 4 * index]);
    }
  });

  it('F2_an_index_is_in_the_list_once_and_it_answers_as_a_stack_does', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(11), { maxLength: 60 }), (operations) => {
        const { list } = listOf(count, start);
        const model = [...Array(count).keys()].toReversed();
        const taken: number[] = [];
        for (const choice of operations) {
          if (choice < 6 || taken.length === 0) {
            const index = list.pop();
            expect(index).toBe(model.pop() ?? EMPTY);
            if (index !== EMPTY) taken.push(index);
          } else {
            const [index] = taken.splice(choice % taken.length, 1) as [number];
            list.push(index);
            model.push(index);
          }
          expect(list.free).toBe(model.length);
        }
        const rest = model.map(() => list.pop());
        expect([...rest, ...taken].toSorted()).toEqual([...Array(count).keys()]);
        expect(list.pop()).toBe(EMPTY);
      }),
      { numRuns: 40 },
    );
  });

  it('a_chain_goes_back_in_one_step_and_comes_out_from_its_first_on', () => {
    const { memory, list, i32 } = listOf(count, start);
    const { fn } = attachRing(memory);
    for (let i = 0; i < count; i++) list.pop();
    for (let i = 1; i < count; i++) i32[(NEXT >> 2) + i] = i; // i leads to i - 1
    i32[NEXT >> 2] = 99; // the push writes it
    const changed = changedBy(memory, () => fn.freePushChain(ADDRESS, count - 1, 0, count));
    expect(changed).toEqual([HEAD, TAG, FREE, NEXT]);
    expect(list.free).toBe(count);
    const expected = [...Array(count).keys()].toReversed();
    expect(expected.map(() => list.pop())).toEqual(expected);
    expect(list.pop()).toBe(EMPTY);
  });
});

it('a_new_list_hands_out_the_lowest_first', () => {
  const { list } = listOf(4);
  expect([0, 1, 2, 3, 4].map(() => list.pop())).toEqual([0, 1, 2, 3, EMPTY]);
});

it('a_list_of_nothing_is_empty', () => {
  const { memory, list } = listOf(0);
  expect(changedBy(memory, () => expect(list.pop()).toBe(EMPTY))).toEqual([]);
  expect(list.free).toBe(0);
});

describe('marks', () => {
  it('popMark_and_pushMark_store_the_mark_and_take_it_away', () => {
    const memory = sharedMemory();
    const list = FreeList.create(memory, ADDRESS, { count: 2 });
    const { i32 } = attachRing(memory);
    const state = (index: number): number => 8192 + 64 * index;
    const index = list.popMark(8192, 64, 7);
    expect([index, i32[state(index) >> 2], list.free]).toEqual([0, 7, 1]);
    list.pushMark(index, state(index), 7);
    expect([i32[state(index) >> 2], list.free, list.pop()]).toEqual([0, 2, 0]);
    // The next holder's mark stays.
    i32[state(0) >> 2] = 9;
    list.pushMark(0, state(0), 7);
    expect(i32[state(0) >> 2]).toBe(9);
    expect([list.pop(), list.popMark(8192, 64, 7), list.popMark(8192, 64, 7)]).toEqual([
      0,
      1,
      EMPTY,
    ]);
  });
});
