import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assemble, type Call, Guest, Rewritten, runOriginal, runRewritten } from './harness.ts';

const LENGTH = 3000;
const FUNCTIONS = ['$a', '$b', '$c', '$d', '$e'];
const ITEMS = Array.from({ length: 2000 }, (_, at) => FUNCTIONS[(at * at) % 5]).join(' ');

const source = assemble(`(module (func (export "handle") (result i32) (i32.const 3))
  (type $f (func (result i32)))
  (table $t (export "t") i64 ${LENGTH} 5000 funcref) (table $u (export "u") ${LENGTH} funcref) (table $k (export "k") i64 9 funcref)
  (elem (table $t) (i64.const 7) func $a $b) (elem (table $k) (i64.const 3) func $c $d) (elem $p func ${ITEMS})
  ${FUNCTIONS.map((name, at) => `(func ${name} (export "${name}") (result i32) (i32.const ${at}))`).join(' ')}
  (func (export "call") (param i64) (result i32) (call_indirect $t (type $f) (local.get 0)))
  (func (export "call_k") (param i64) (result i32) (call_indirect $k (type $f) (local.get 0)))
  (func (export "set") (param i64) (table.set $t (local.get 0) (ref.func $e)))
  (func (export "get") (param i64) (result i32) (ref.is_null (table.get $t (local.get 0))))
  (func (export "size") (result i64) (table.size $t))
  (func (export "grow") (param i64) (result i64) (table.grow $t (ref.func $a) (local.get 0)))
  (func (export "fill") (param i64 i64) (table.fill $t (local.get 0) (ref.func $c) (local.get 1)))
  (func (export "copy") (param i64 i64 i64) (table.copy $t $t (local.get 0) (local.get 1) (local.get 2)))
  (func (export "copy_tu") (param i64 i32 i32) (table.copy $t $u (local.get 0) (local.get 1) (local.get 2)))
  (func (export "copy_ut") (param i32 i64 i32) (table.copy $u $t (local.get 0) (local.get 1) (local.get 2)))
  (func (export "init") (param i64 i32 i32) (table.init $t $p (local.get 0) (local.get 1) (local.get 2)))
  (func (export "drop") (elem.drop $p)))`);

const CALLS: readonly Call[] = [
  ...[0n, 7n, 8n, 9n, BigInt(LENGTH), 1n << 32n, -1n].map((at): Call => ['call', at]),
  ...[3n, 4n, 5n, 9n].map((at): Call => ['call_k', at]),
  ['set', 5n],
  ['set', (1n << 32n) + 5n],
  ['get', 5n],
  ['fill', 10n, 2000n],
  ['fill', 10n, 1n << 40n],
  ['copy', 1n, 0n, 2000n],
  ['init', 9n, 3, 1000],
  ['size'],
  ['drop'],
  ['init', 9n, 3, 1],
  ['init', 9n, 0, 0],
];

/** Exported functions have the names of their indices, which move. */
function items(guest: Guest): unknown {
  const list = FUNCTIONS.map((name) => guest.exports[name]);
  return ['t', 'u', 'k'].map((name) => {
    const table = guest.exports[name] as WebAssembly.Table;
    const at = (index: number): number =>
      name === 'u' ? index : (BigInt(index) as unknown as number);
    return Array.from({ length: Number(table.length) }, (_, index) =>
      list.indexOf(table.get(at(index))),
    );
  });
}

describe('a table with 64-bit indices', () => {
  it.each(['exit', 'none'] as const)('does_the_same_with_polls_%s', async (polls) => {
    const original = await runOriginal(source, CALLS);
    const guest = new Rewritten(source, { polls });
    expect((await runRewritten(guest, CALLS)).outcomes).toEqual(original.outcomes);
    expect((await runRewritten(guest, CALLS)).outcomes).toEqual(original.outcomes);
  });

  it('is_restored_by_reset_and_retires_when_it_has_grown', async () => {
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(source));
    const original = items(new Guest(exports, undefined));
    const guest = new Rewritten(source);
    for (let round = 0; round < 2; round += 1) {
      expect(await guest.reset()).toBe(0);
      expect(items(guest)).toEqual(original);
      await guest.calls(CALLS);
      expect(items(guest)).not.toEqual(original);
    }
    expect(await guest.call('grow', 1n << 40n)).toBe('-1n');
    expect(await guest.call('grow', 1n)).toBe(`${LENGTH}n`);
    expect(await guest.reset()).toBe(1);
  });

  it('each_bulk_instruction_does_the_same_and_polls', async () => {
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(source));
    const original = new Guest(exports, undefined);
    const guest = new Rewritten(source);
    expect(await guest.reset()).toBe(0);
    const near = fc.bigInt({ min: 0n, max: BigInt(LENGTH) });
    const wide = fc.oneof(
      { weight: 9, arbitrary: near },
      fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    );
    const narrow = near.map(Number);
    const call: fc.Arbitrary<Call> = fc.oneof(
      fc.tuple(fc.constant('fill'), wide, wide),
      fc.tuple(fc.constant('copy'), wide, wide, wide),
      fc.tuple(fc.constant('copy_tu'), wide, narrow, narrow),
      fc.tuple(fc.constant('copy_ut'), narrow, wide, narrow),
      fc.tuple(fc.constant('init'), wide, narrow, narrow),
    );
    let polls = 0;
    await fc.assert(
      fc.asyncProperty(call, async (item) => {
        const asked = guest.interrupts;
        guest.control[0] = 1;
        const outcome = await guest.call(...item);
        guest.control[0] = 0;
        expect(outcome).toBe(await original.call(...item));
        expect(items(guest)).toEqual(items(original));
        const length = Number(item.at(-1));
        const expected = outcome === undefined && length > 64 ? Math.ceil(length / 1024) : 0;
        expect(guest.interrupts - asked).toBe(expected);
        polls += expected;
      }),
      {
        seed: 0x7a64,
        numRuns: 120,
        examples: [[['init', 0n, 0, 2000]], [['copy', 1n, 0n, 2999n]], [['copy', 0n, 1n, 2999n]]],
      },
    );
    expect(polls).toBeGreaterThan(30);
  });
});
