import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { attachRing, EMPTY, FreeList } from '../../src/ring/index.ts';
import { COUNTER_STARTS, smallArena } from './arenas.ts';
import { sharedMemory } from './memories.ts';

const SLOTS = 4;
const TAG = 128 + 4;

function listAt(tag: number): { list: FreeList; i32: Int32Array<SharedArrayBuffer> } {
  const memory = sharedMemory();
  const list = FreeList.create(memory, 128, { count: SLOTS, start: tag });
  return { list, i32: attachRing(memory).i32 };
}

describe.each(COUNTER_STARTS)('tag from %d', (tag) => {
  it('F1_each_change_takes_a_new_tag', () => {
    const { list, i32 } = listAt(tag);
    const at = (list.address + TAG) >> 2;
    for (let change = 1; change <= 8; change += 2) {
      const index = list.pop();
      expect((i32[at] as number) >>> 0).toBe((tag + change) % 2 ** 32);
      list.push(index);
      expect((i32[at] as number) >>> 0).toBe((tag + change + 1) % 2 ** 32);
    }
    for (let i = 0; i < SLOTS; i++) list.pop();
    const before = i32[at];
    expect(list.pop()).toBe(EMPTY);
    expect(i32[at]).toBe(before);
  });

  it('F2_an_index_is_in_the_list_once_and_it_answers_as_a_stack_does', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(5), { maxLength: 60 }), (operations) => {
        const { list } = listAt(tag);
        const model = [3, 2, 1, 0];
        const taken: number[] = [];
        for (const choice of operations) {
          if (choice < 3 || taken.length === 0) {
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
        expect([...rest, ...taken].toSorted()).toEqual([0, 1, 2, 3]);
        expect(list.pop()).toBe(EMPTY);
      }),
      { numRuns: 60 },
    );
  });
});

it('a_new_list_hands_out_the_lowest_first', () => {
  const { list } = listAt(0);
  expect([0, 1, 2, 3, 4].map(() => list.pop())).toEqual([0, 1, 2, 3, EMPTY]);
});

it('a_list_of_nothing_is_empty', () => {
  const { chunks } = smallArena({ chunks: 0 });
  expect([chunks.free, chunks.list.pop(), chunks.free]).toEqual([0, EMPTY, 0]);
});
