import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type RewriteError, rewrite } from '../../../src/sandbox/rewriter/index.ts';
import {
  assemble,
  assembleNew,
  type Call,
  Guest,
  Rewritten,
  type RunOptions,
  runOriginal,
  runRewritten,
} from './harness.ts';

const HANDLE = '(func (export "handle") (result i32) (i32.const 3))';
const OUT_OF_BOUNDS = 'RuntimeError: memory access out of bounds';
const PAGE = 65_536n;

const WIDE = assembleNew(`(module ${HANDLE}
  (memory $m (export "memory") i64 3 6) (memory $n (export "n") 3)
  (global $base i64 (i64.const 70000))
  (data (i64.const 9) "low") (data (memory $m) (global.get $base) "at base") (data (memory $m) (offset (i64.add (global.get $base) (i64.const 3))) "over")
  (data $p "passive")
  (func (export "load") (param i64) (result i32) (i32.load offset=4 (local.get 0)))
  (func (export "far") (param i64) (result i64) (i64.load offset=0x1_0000_0000 (local.get 0)))
  (func (export "farther") (param i64) (result i64) (i64.load8_u offset=0xffff_ffff_ffff_fff0 (local.get 0)))
  (func (export "store") (param i64 i32) (i32.store (local.get 0) (local.get 1)))
  (func (export "size") (result i64) (memory.size))
  (func (export "grow") (param i64) (result i64) (memory.grow (local.get 0)))
  (func (export "fill") (param i64 i32 i64) (memory.fill $m (local.get 0) (local.get 1) (local.get 2)))
  (func (export "copy") (param i64 i64 i64) (memory.copy $m $m (local.get 0) (local.get 1) (local.get 2)))
  (func (export "init") (param i64 i32 i32) (memory.init $m $p (local.get 0) (local.get 1) (local.get 2)))
  (func (export "small") (memory.fill $m (i64.const 0) (i32.const 1) (i64.const 4096)))
  (func (export "drop") (data.drop $p))
  (func (export "spin") (param $n i64) (result i64) (local $i i64)
    (loop $l (i64.store (i64.const 0) (local.tee $i (i64.add (local.get $i) (i64.const 1))))
      (br_if $l (i64.lt_u (local.get $i) (local.get $n))))
    (i64.load (i64.const 0))))`);

/** wabt, since binaryen has no copy between memories of different addresses. */
const MIXED = assemble(`(module ${HANDLE}
  (memory $m (export "memory") i64 3 6) (memory $n (export "n") 3)
  (func (export "fill") (param i64 i32 i64) (memory.fill $m (local.get 0) (local.get 1) (local.get 2)))
  (func (export "copy") (param i64 i64 i64) (memory.copy $m $m (local.get 0) (local.get 1) (local.get 2)))
  (func (export "copy_mn") (param i64 i32 i32) (memory.copy $m $n (local.get 0) (local.get 1) (local.get 2)))
  (func (export "copy_nm") (param i32 i64 i32) (memory.copy $n $m (local.get 0) (local.get 1) (local.get 2))))`);

const CALLS: readonly Call[] = [
  ...[0n, 5n, 70_000n, 3n * PAGE - 8n, 3n * PAGE - 7n, -4n, 1n << 40n, -1n].map(
    (at): Call => ['load', at],
  ),
  ['far', 0n],
  ['far', -(1n << 32n)],
  ['far', -(1n << 32n) + 16n],
  ['farther', 24n],
  ['farther', 0n],
  ['store', 100n, -1],
  ['store', 1n << 33n, 1],
  ['size'],
  ['fill', 5n, 7, 20n],
  ['fill', 5n, 8, 5000n],
  ['fill', 5n, 9, 1n << 34n],
  ['copy', 10n, 5n, 5000n],
  ['init', 77n, 1, 5],
  ['init', 77n, 3, 5],
  ['drop'],
  ['init', 77n, 0, 0],
  ['init', 77n, 0, 1],
  ['small'],
  ['spin', 100n],
];

async function ready(source: Uint8Array, options: RunOptions = {}): Promise<Rewritten> {
  const guest = new Rewritten(source, { dirt: 0x5a, ...options });
  expect(await guest.reset()).toBe(0);
  return guest;
}

describe('a memory with 64-bit addresses', () => {
  it.each(['exit', 'call', 'none'] as const)('does_the_same_with_polls_%s', async (polls) => {
    const guest = new Rewritten(WIDE, { dirt: 0x5a, polls });
    const expected = await runOriginal(WIDE, CALLS);
    expect(await runRewritten(guest, CALLS)).toEqual(expected);
    expect(await runRewritten(guest, CALLS)).toEqual(expected);
    expect(guest.info.memory).toMatchObject({ wide: true, minPages: 3, maxPages: 6 });
  });

  it('a_loop_over_it_is_polled', async () => {
    const guest: Rewritten = await ready(WIDE, {
      interrupt: () => {
        guest.control[0] = 0;
        return 0;
      },
    });
    guest.control[0] = 1;
    expect(await guest.call('spin', 50n)).toBe('50n');
    expect(guest.interrupts).toBe(1);
  });

  it('each_bulk_instruction_does_the_same_and_polls', async () => {
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(MIXED));
    const original = new Guest(exports, undefined);
    const guest = await ready(MIXED);
    const views = [exports.memory, exports.n, guest.exports.memory, guest.exports.n].map(
      (memory) => new Uint8Array((memory as WebAssembly.Memory).buffer),
    );
    const near = fc.bigInt({ min: 0n, max: 3n * PAGE });
    const wide = fc.oneof(
      { weight: 8, arbitrary: near },
      fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    );
    const narrow = fc
      .oneof({ weight: 8, arbitrary: near }, fc.constant(2n ** 32n - 1n))
      .map(Number);
    const call: fc.Arbitrary<Call> = fc.oneof(
      fc.tuple(fc.constant('fill'), wide, fc.nat(255), wide),
      fc.tuple(fc.constant('copy'), wide, wide, wide),
      fc.tuple(fc.constant('copy_mn'), wide, narrow, narrow),
      fc.tuple(fc.constant('copy_nm'), narrow, wide, narrow),
    );
    await fc.assert(
      fc.asyncProperty(call, async (item) => {
        for (const view of views) {
          new Uint32Array(view.buffer).forEach((_, at, words) => {
            words[at] = Math.imul(at + view.length, 0x9e3779b1);
          });
        }
        guest.control[0] = 1;
        const asked = guest.interrupts;
        const outcome = await guest.call(...item);
        guest.control[0] = 0;
        expect(outcome).toBe(await original.call(...item));
        for (const at of [0, 1]) expect(Buffer.compare(views[at]!, views[at + 2]!)).toBe(0);
        const length = Number(item.at(-1));
        const isSplit = outcome === undefined && length > 4096;
        expect(guest.interrupts - asked).toBe(isSplit ? Math.ceil(length / 65_536) : 0);
      }),
      {
        seed: 0x64,
        numRuns: 150,
        examples: [
          [['copy', 1n, 0n, 3n * PAGE - 1n]],
          [['copy', 0n, 1n, 3n * PAGE - 1n]],
          [['fill', 0n, 1, 3n * PAGE]],
          [['fill', 8n, 1, 2n ** 64n - 8n]],
          [['copy_nm', 5, 0n, 150_000]],
        ],
      },
    );
  });

  it.each(['retire', 'keep'] as const)('grows_up_to_the_limit_with_growth_%s', async (growth) => {
    const guest = await ready(WIDE, { growth, maxPages: 8 });
    const script: Call[] = [
      ['grow', 3n],
      ['grow', -1n],
      ['grow', 1n << 32n],
      ['grow', (1n << 63n) + 1n],
      ['grow', 1n],
      ['size'],
      ['load', 4n * PAGE - 8n],
      ['grow', 0n],
    ];
    // 8 in all, of which the other has 3.
    expect(guest.info.memory?.maxPages).toBe(5);
    const expected = ['-1n', '-1n', '-1n', '-1n', '3n', '4n', 0, '4n'];
    expect(await guest.calls(script)).toEqual(expected);
    expect(await guest.reset()).toBe(growth === 'keep' ? 0 : 1);
    if (growth === 'keep') expect(await guest.calls(script)).toEqual(expected);
  });

  it('asks_for_a_wait_in_a_shared_one_with_the_effective_address', async () => {
    const asked: unknown[] = [];
    const host =
      (result: number) =>
      (...args: unknown[]) => {
        asked.push(args);
        return result;
      };
    const guest = await ready(
      assembleNew(`(module ${HANDLE} (memory i64 1 1 shared)
        (func (export "set") (param i64 i64) (i64.store (local.get 0) (local.get 1)))
        (func (export "w32") (param i64) (result i32) (memory.atomic.wait32 offset=8 (local.get 0) (i32.const 3) (i64.const 4)))
        (func (export "w64") (param i64) (result i32) (memory.atomic.wait64 offset=8 (local.get 0) (i64.const 5) (i64.const -1)))
        (func (export "far") (param i64) (result i32) (memory.atomic.wait32 offset=0xffff_ffff_ffff_fff8 (local.get 0) (i32.const 3) (i64.const 4))))`),
      { dirt: 0, wait32: host(2), wait64: host(0) },
    );
    await guest.call('set', 16n, 3n);
    await guest.call('set', 32n, 5n);
    const trap = 'RuntimeError: operation does not support unaligned accesses';
    expect(
      await guest.calls([
        ['w32', 8n],
        ['w32', 16n],
        ['w64', 24n],
        ['w32', 1n],
        ['w64', PAGE - 8n],
        ['w32', -8n],
        ['far', 0n],
        ['far', 24n],
      ]),
    ).toEqual([2, 1, 0, trap, OUT_OF_BOUNDS, OUT_OF_BOUNDS, OUT_OF_BOUNDS, OUT_OF_BOUNDS]);
    expect(asked).toEqual([
      [16, 3, 4n],
      [32, 5n, -1n],
    ]);
  });

  it('an_unshared_one_traps_instead', async () => {
    const guest = await ready(
      assembleNew(`(module ${HANDLE} (memory i64 1)
        (func (export "w") (result i32) (memory.atomic.wait32 (i64.const 0) (i32.const 0) (i64.const 0))))`),
    );
    expect(await guest.call('w')).toBe('RuntimeError: unreachable');
  });

  it('may_be_larger_than_a_32_bit_one', () => {
    const source = assembleNew(`(module ${HANDLE} (memory i64 65537 262144))`);
    expect(rewrite(source, { maxPages: 70_000 }).info.memory).toMatchObject({
      minPages: 65_537,
      maxPages: 70_000,
      declaredMaxPages: 262_144,
    });
    expect(() => rewrite(source, { maxPages: 65_536 })).toThrow(
      expect.objectContaining({ code: 'ERR_MEMORY_LIMIT' } satisfies Partial<RewriteError>),
    );
  });
});
