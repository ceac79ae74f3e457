import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RewriteError, rewrite } from '../../../src/sandbox/rewriter/index.ts';
import { assembleNew, Guest, Rewritten, type RunOptions } from './harness.ts';

const HANDLE = '(func (export "handle"))';
const OUT_OF_BOUNDS = 'RuntimeError: memory access out of bounds';

function bytesOf(guest: Rewritten): Record<string, Buffer> {
  const entries = Object.entries(guest.memories);
  return Object.fromEntries(entries.map(([name, { buffer }]) => [name, Buffer.from(buffer)]));
}

function pagesOf(guest: Rewritten): Record<string, number> {
  const entries = Object.entries(guest.memories);
  return Object.fromEntries(entries.map(([name, m]) => [name, m.buffer.byteLength / 65_536]));
}

function failure(wat: string, maxPages: number = 16): RewriteError {
  try {
    rewrite(assembleNew(wat), { maxPages });
  } catch (error) {
    if (error instanceof RewriteError) return error;
    throw error;
  }
  throw new Error('the module was rewritten');
}

const THREE = assembleNew(`(module ${HANDLE}
  (memory $a (export "memory") 2) (memory $b (export "b") 1 4) (memory $c (export "c") 1)
  (data (memory $a) (i32.const 5) "in a") (data (memory $b) (i32.const 65532) "in b") (data (memory $c) (i32.const 0) "in c")
  (data $p "passive")
  (func (export "mess")
    (memory.fill $a (i32.const 0) (i32.const 0xaa) (i32.const 131072))
    (memory.fill $b (i32.const 0) (i32.const 0xbb) (i32.const 65536))
    (memory.copy $c $b (i32.const 0) (i32.const 0) (i32.const 65536))
    (data.drop $p))
  (func (export "init") (memory.init $c $p (i32.const 9) (i32.const 0) (i32.const 7)))
  (func (export "grow_a") (param i32) (result i32) (memory.grow $a (local.get 0)))
  (func (export "grow_b") (param i32) (result i32) (memory.grow $b (local.get 0)))
  (func (export "grow_c") (param i32) (result i32) (memory.grow $c (local.get 0)))
  (func (export "sizes") (result i32 i32 i32) (memory.size $a) (memory.size $b) (memory.size $c))
  (func (export "poke_b") (param i32) (i32.store $b (local.get 0) (i32.const 0x5ec2e7))))`);

async function ready(options: RunOptions = {}): Promise<Rewritten> {
  const guest = new Rewritten(THREE, { dirt: 0x5a, ...options });
  expect(await guest.reset()).toBe(0);
  return guest;
}

describe('several memories', () => {
  it('reset_restores_every_one', async () => {
    const original = new WebAssembly.Instance(new WebAssembly.Module(THREE)).exports;
    const guest = await ready();
    const fresh = bytesOf(guest);
    for (const [name, exported] of [
      ['memory', 'memory'],
      ['memory1', 'b'],
      ['memory2', 'c'],
    ] as const) {
      const { buffer } = original[exported] as WebAssembly.Memory;
      expect(fresh[name]!.equals(Buffer.from(buffer)), name).toBe(true);
    }
    const before = Object.fromEntries(
      Object.entries(fresh).map(([name, bytes]) => [name, bytes.toString('latin1')]),
    );
    for (let round = 0; round < 2; round += 1) {
      expect(await guest.call('init')).toBe(undefined);
      expect(await guest.call('mess')).toBe(undefined);
      expect(await guest.call('init')).toBe(OUT_OF_BOUNDS);
      for (const bytes of Object.values(bytesOf(guest))) expect(bytes.includes(0)).toBe(false);
      expect(await guest.reset()).toBe(0);
      for (const [name, bytes] of Object.entries(bytesOf(guest))) {
        expect(bytes.toString('latin1') === before[name], name).toBe(true);
      }
    }
  });

  it('a_growth_of_any_of_them_retires', async () => {
    for (const name of ['grow_a', 'grow_b', 'grow_c']) {
      const guest = await ready();
      expect(await guest.call(name, 0)).toBe(name === 'grow_a' ? 2 : 1);
      expect(await guest.reset()).toBe(0);
      expect(await guest.call(name, 1)).toBe(name === 'grow_a' ? 2 : 1);
      expect(await guest.reset()).toBe(1);
    }
  });

  it.each(['retire', 'keep'] as const)(
    'the_limit_is_for_the_sum_with_growth_%s',
    async (growth) => {
      const guest = await ready({ maxPages: 7, growth });
      expect(guest.info.memories).toMatchObject([
        { name: 'memory', minPages: 2, maxPages: 5 },
        { name: 'memory1', minPages: 1, maxPages: 4, declaredMaxPages: 4 },
        { name: 'memory2', minPages: 1, maxPages: 4 },
      ]);
      expect(
        await guest.calls([
          ['grow_a', 4],
          ['grow_b', 4],
          ['grow_b', -1],
          ['grow_b', 3],
          ['grow_a', 1],
          ['grow_c', 1],
          ['grow_a', 0],
          ['sizes'],
        ]),
      ).toEqual([-1, -1, -1, 1, -1, -1, 2, [2, 4, 1]]);
      expect(pagesOf(guest)).toEqual({ memory: 2, memory1: 4, memory2: 1 });
    },
  );

  it('keeps_each_grown_one_with_a_logical_size', async () => {
    const guest = await ready({ maxPages: 7, growth: 'keep' });
    expect(await guest.call('grow_b', 3)).toBe(1);
    expect(await guest.call('poke_b', 4 * 65_536 - 4)).toBe(undefined);
    expect(await guest.reset()).toBe(0);
    expect(await guest.call('sizes')).toEqual([2, 1, 1]);
    expect(bytesOf(guest).memory1!.indexOf('\xc2', 'latin1')).toBe(-1);
    expect(await guest.call('grow_a', 3)).toBe(2);
    expect(await guest.call('grow_b', 1)).toBe(-1);
    expect(await guest.reset()).toBe(0);
    expect(await guest.call('grow_b', 2)).toBe(1);
    expect(await guest.call('sizes')).toEqual([2, 3, 1]);
  });

  it('fixed_ones_grow_by_the_engines_instruction', async () => {
    const source = assembleNew(`(module ${HANDLE} (memory $a 1 3) (memory $b 1 2)
      (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0))))`);
    const names = (maxPages: number): boolean =>
      Buffer.from(rewrite(source, { maxPages }).bytes).includes('$luge.grow');
    expect([names(5), names(4)]).toEqual([false, true]);
  });

  it('is_refused_when_they_begin_with_more_than_the_limit_together', () => {
    const wat = `(module ${HANDLE} (memory $a 3) (memory $b 2) (memory $c 1))`;
    expect(failure(wat, 5)).toMatchObject({
      code: 'ERR_MEMORY_LIMIT',
      message: 'the first 3 memories begin with 6 pages of 64 KiB, and the limit is 5 (maxPages)',
    });
    expect(rewrite(assembleNew(wat), { maxPages: 6 }).info.memories.length).toBe(3);
  });

  it('copies_from_one_into_another_are_split_and_the_same', async () => {
    const source =
      assembleNew(`(module ${HANDLE} (memory $a (export "memory") 4) (memory $b (export "b") 3)
      (func (export "ab") (param i32 i32 i32) (memory.copy $a $b (local.get 0) (local.get 1) (local.get 2)))
      (func (export "ba") (param i32 i32 i32) (memory.copy $b $a (local.get 0) (local.get 1) (local.get 2)))
      (func (export "fill") (param i32 i32 i32) (memory.fill $b (local.get 0) (local.get 1) (local.get 2))))`);
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(source));
    const original = new Guest(exports, undefined);
    const guest = new Rewritten(source);
    expect(await guest.reset()).toBe(0);
    const views = [exports.memory, exports.b, guest.exports.memory, guest.exports.b].map(
      (memory) => new Uint8Array((memory as WebAssembly.Memory).buffer),
    );
    const place = fc.integer({ min: 0, max: 2 * 65_536 });
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('ab', 'ba', 'fill'),
        place,
        place,
        place,
        async (...call) => {
          for (const view of views) {
            new Uint32Array(view.buffer).forEach((_, at, words) => {
              words[at] = Math.imul(at + view.length, 0x9e3779b1);
            });
          }
          guest.control[0] = 1;
          const outcome = await guest.call(...call);
          guest.control[0] = 0;
          expect(outcome).toBe(await original.call(...call));
          expect(Buffer.compare(views[0]!, views[2]!) || Buffer.compare(views[1]!, views[3]!)).toBe(
            0,
          );
        },
      ),
      { seed: 0x3e3, numRuns: 100 },
    );
    expect(guest.interrupts).toBeGreaterThan(50);
  });

  it('two_imports_of_the_same_memory_stay_one', async () => {
    const source = assembleNew(`(module
      (import "env" "m" (memory $a 1 3)) (import "env" "other" (memory $b 1)) (import "env" "m" (memory $c 2 5))
      ${HANDLE}
      (func (export "store") (i32.store $a (i32.const 70000) (i32.const 77)))
      (func (export "load") (result i32 i32) (i32.load $b (i32.const 0)) (i32.load $c (i32.const 70000)))
      (func (export "shift") (memory.copy $a $c (i32.const 1) (i32.const 0) (i32.const 100000)))
      (func (export "grow") (result i32 i32 i32) (memory.grow $c (i32.const 1)) (memory.size $a) (memory.size $b)))`);
    for (const growth of ['retire', 'keep'] as const) {
      const guest = new Rewritten(source, { growth });
      expect(await guest.reset()).toBe(0);
      expect(Object.keys(guest.memories)).toEqual(['memory', 'memory1']);
      expect(await guest.call('store')).toBe(undefined);
      expect(await guest.call('load')).toEqual([0, 77]);
      const bytes = new Uint8Array(guest.memories.memory!.buffer);
      for (let at = 0; at < bytes.length; at += 1) bytes[at] = at * 7 + (at >> 8);
      const expected = Buffer.from(bytes).copyWithin(1, 0, 100_000);
      await guest.call('shift');
      expect(expected.equals(Buffer.from(bytes))).toBe(true);
      expect(await guest.call('grow')).toEqual([2, 3, 1]);
      expect(await guest.reset()).toBe(growth === 'keep' ? 0 : 1);
    }
    const message = 'the memory env.m is imported with at least 2 and at most 1 pages';
    const impossible = `(module (import "env" "m" (memory $a 1 1)) (import "env" "m" (memory $b 2)) ${HANDLE})`;
    expect(failure(impossible)).toMatchObject({ code: 'ERR_MEMORY_LIMIT', message });
  });

  it('are_behind_the_control_memory_however_many_there_are', async () => {
    const many = 130;
    const memories = Array.from({ length: many - 1 }, (_, at) => `(memory $m${at} 0)`).join(' ');
    const guest: Rewritten = new Rewritten(
      assembleNew(`(module ${memories} (memory $last 1)
        (func (export "handle") (result i32) (local $i i32)
          (loop $l (i32.store $last (i32.const 8) (local.tee $i (i32.add (local.get $i) (i32.const 1))))
            (br_if $l (i32.lt_u (local.get $i) (i32.const 100))))
          (i32.load $last (i32.const 8))))`),
      {
        interrupt: () => {
          guest.control[0] = 0;
          return 0;
        },
      },
    );
    expect(await guest.reset()).toBe(0);
    guest.control[0] = 1;
    expect(await guest.enter()).toBe(100);
    expect(guest.interrupts).toBe(1);
  });

  it('a_wait_is_for_the_memory_that_it_names', async () => {
    const asked: unknown[] = [];
    const guest = new Rewritten(
      assembleNew(`(module ${HANDLE} (memory $u 1) (memory $s 1 1 shared) (memory $v 1)
        (func (export "set") (param i32) (i32.store $s (i32.const 12) (local.get 0)))
        (func (export "shared") (result i32) (memory.atomic.wait32 $s offset=4 (i32.const 8) (i32.const 5) (i64.const 9)))
        (func (export "unshared") (result i32) (memory.atomic.wait32 $v offset=4 (i32.const 8) (i32.const 5) (i64.const 9))))`),
      {
        wait32: (...args) => {
          asked.push(args);
          return 2;
        },
      },
    );
    expect(await guest.reset()).toBe(0);
    expect(await guest.call('shared')).toBe(1);
    await guest.call('set', 5);
    expect(await guest.call('shared')).toBe(2);
    expect(asked).toEqual([[12, 5, 9n]]);
    expect(await guest.call('unshared')).toBe('RuntimeError: unreachable');
  });
});
