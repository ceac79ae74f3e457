import { describe, expect, it } from 'vitest';
import { assemble, assembleNew, Rewritten, type RunOptions } from './harness.ts';

const MESSY = assemble(`(module (memory (export "memory") 2 6)
  (global $n (export "n") (mut i64) (i64.const 5)) (global $f (export "f") (mut funcref) (ref.func $a))
  (table $t (export "t") 4 8 funcref) (elem (table $t) (i32.const 1) func $a $b) (elem $e func $b $b)
  (data (i32.const 8) "first") (data (i32.const 10) "over") (data (i32.const 131067) "last!") (data $p "passive")
  (func $a (result i32) (i32.const 1)) (func $b (result i32) (i32.const 2))
  (func (export "handle") (result i32) (i32.load (i32.const 8)))
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
  (func (export "size") (result i32) (memory.size))
  (func (export "grow_table") (result i32) (table.grow $t (ref.null func) (i32.const 1)))
  (func (export "init") (memory.init $p (i32.const 0) (i32.const 0) (i32.const 7)) (table.init $t $e (i32.const 0) (i32.const 0) (i32.const 2)))
  (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
  (func (export "mess") (param $trap i32)
    (memory.fill (i32.const 0) (i32.const 0xee) (i32.const 131072))
    (global.set $n (i64.const -1)) (global.set $f (ref.null func))
    (table.fill $t (i32.const 0) (ref.null func) (i32.const 4)) (table.set $t (i32.const 0) (ref.func $b))
    (data.drop $p) (elem.drop $e)
    (if (local.get $trap) (then unreachable))))`);

async function ready(options: RunOptions = {}): Promise<Rewritten> {
  const guest = new Rewritten(MESSY, { dirt: 0x5a, ...options });
  expect(await guest.reset()).toBe(0);
  return guest;
}

describe('reset', () => {
  it.each([0, 1])('restores_all_after_a_mess_that_ends_in_trap_%i', async (trap) => {
    const fresh = await ready();
    const guest = await ready();
    const entered = await guest.enter();
    for (let round = 0; round < 3; round += 1) {
      await guest.call('mess', trap);
      expect(await guest.call('init')).toBe('RuntimeError: memory access out of bounds');
      expect(guest.state()).not.toEqual(fresh.state());
      expect(await guest.reset()).toBe(0);
      expect(guest.state()).toEqual(fresh.state());
      expect(await guest.enter()).toBe(entered);
      expect(await guest.call('init')).toBe(undefined);
      expect(await guest.reset()).toBe(0);
    }
  });

  it('makes_of_a_dirty_memory_what_the_original_instantiates', async () => {
    const original = new WebAssembly.Instance(new WebAssembly.Module(MESSY));
    const guest = await ready();
    const memory = original.exports.memory as WebAssembly.Memory;
    expect(Buffer.from(guest.memory!.buffer).equals(Buffer.from(memory.buffer))).toBe(true);
  });

  it('retires_a_grown_memory_and_touches_nothing', async () => {
    const guest = await ready();
    expect(await guest.call('grow', 0)).toBe(2);
    expect(await guest.reset()).toBe(0);
    await guest.call('mess', 0);
    expect(await guest.call('grow', 1)).toBe(2);
    const before = guest.state();
    expect(await guest.reset()).toBe(1);
    expect(await guest.reset()).toBe(1);
    expect(guest.state()).toEqual(before);
  });

  it.each(['retire', 'keep'] as const)('retires_a_grown_table_with_growth_%s', async (growth) => {
    const guest = await ready({ growth });
    expect(await guest.call('grow_table')).toBe(4);
    expect(await guest.reset()).toBe(1);
  });

  it('keeps_a_grown_memory_with_a_logical_size', async () => {
    const guest = await ready({ growth: 'keep', maxPages: 4 });
    const script = async (): Promise<unknown[]> =>
      guest.calls([
        ['size'],
        ['grow', 3],
        ['grow', -1],
        ['grow', 1],
        ['size'],
        ['load', 2 * 65_536],
        ['grow', 1],
        ['grow', 1],
        ['grow', 0],
        ['size'],
        ['load', 4 * 65_536 - 4],
        ['load', 4 * 65_536 - 3],
      ]);
    const trap = 'RuntimeError: memory access out of bounds';
    const expected = [2, -1, -1, 2, 3, 0, 3, -1, 4, 4, 0, trap];
    expect(await script()).toEqual(expected);
    for (let round = 0; round < 2; round += 1) {
      new Uint8Array(guest.memory!.buffer).fill(0xcc);
      expect(await guest.reset()).toBe(0);
      expect(guest.memory!.buffer.byteLength).toBe(4 * 65_536);
      expect(await script()).toEqual(expected);
    }
  });

  it('keeps_a_declared_maximum_below_the_limit', async () => {
    const guest = await ready({ growth: 'keep', maxPages: 100 });
    expect(guest.info.memory).toMatchObject({ minPages: 2, maxPages: 6, declaredMaxPages: 6 });
    expect(
      await guest.calls([
        ['grow', 5],
        ['grow', 4],
        ['grow', 1],
      ]),
    ).toEqual([-1, 2, -1]);
  });

  it('traps_like_instantiation_where_a_segment_does_not_fit', async () => {
    const wat = (segment: string): string =>
      `(module (memory 1) (table 1 funcref) (func $f (export "handle") (table.set (i32.const 0) (ref.func $f))) ${segment})`;
    for (const segment of ['(data (i32.const 65533) "four")', '(elem (i32.const 1) $f)']) {
      const source = assemble(wat(segment));
      expect(() => new WebAssembly.Instance(new WebAssembly.Module(source))).toThrow();
      expect(await new Rewritten(source).reset()).toMatch(/^RuntimeError: /);
    }
  });

  it('needs_neither_memory_nor_table', async () => {
    const guest = new Rewritten(
      assemble(
        '(module (global $n (export "n") (mut i32) (i32.const 4)) (func (export "handle") (result i32) (global.set $n (i32.const 5)) (global.get $n)))',
      ),
    );
    expect([await guest.reset(), await guest.enter()]).toEqual([0, 5]);
    expect([await guest.reset(), guest.state().globals.n]).toEqual([0, 4]);
  });

  it('wipes_a_memory_without_pages_and_an_odd_number_of_them', async () => {
    for (const pages of [0, 1, 3]) {
      for (const growth of ['retire', 'keep'] as const) {
        const source = assemble(
          `(module (memory (export "memory") ${pages}) (func (export "handle")))`,
        );
        const guest = new Rewritten(source, { dirt: 0xff, growth });
        expect(await guest.reset()).toBe(0);
        expect(guest.state()).toMatchObject({ pages, bytes: [] });
      }
    }
  });
});

describe('enter', () => {
  it('runs_start_and_initialize_then_the_entry_and_vouches_for_its_result', async () => {
    const guest = new Rewritten(
      assemble(`(module (global $n (mut i32) (i32.const 0))
        (func $add (param i32) (global.set $n (i32.add (i32.mul (global.get $n) (i32.const 10)) (local.get 0))))
        (func $start (call $add (i32.const 1))) (start $start)
        (func (export "_initialize") (call $add (i32.const 2)))
        (func (export "handle") (result i32) (call $add (i32.const 3)) (global.get $n)))`),
    );
    await guest.reset();
    expect(await guest.enter()).toBe(123);
    expect(guest.info).toMatchObject({ iface: 'luge', hasStart: true });
  });

  it('prefers_handle_to_start_and_takes_start_of_a_command', async () => {
    const wasi = new Rewritten(assemble('(module (func (export "_start")))'));
    await wasi.reset();
    expect([await wasi.enter(), wasi.done, wasi.info.iface]).toEqual([0, 1, 'wasi']);
    const both = new Rewritten(
      assemble(
        '(module (func (export "_start") unreachable) (func (export "handle") (result i32) (i32.const -9)))',
      ),
    );
    await both.reset();
    expect(await both.enter()).toBe(-9);
  });

  it('leaves_done_alone_when_the_entry_traps', async () => {
    const guest = new Rewritten(assemble('(module (func (export "handle") unreachable))'));
    await guest.reset();
    expect([await guest.enter(), guest.done]).toEqual(['RuntimeError: unreachable', 0]);
  });
});

describe('kill', () => {
  const source =
    assemble(`(module (import "test" "raise" (func $raise)) (tag $e) (global $caught (export "caught") (mut i32) (i32.const 0))
    (memory (export "memory") 1)
    (func $spin (param $stop i32) (loop $l (call $raise) (i32.store (i32.const 4) (i32.const 1)) (br_if $l (i32.eqz (local.get $stop)))))
    (func (export "handle") (result i32)
      (try (do (try (do (call $spin (i32.const 0))) (catch $e)))
        (catch_all (global.set $caught (i32.const 1))))
      (i32.const 5))
    (func (export "stops") (result i32) (call $spin (i32.const 1)) (i32.const 6)))`);

  it.each(['exit', 'call'] as const)(
    'unwinds_through_catch_all_and_the_instance_lives_on: %s',
    async (polls) => {
      // Raised within both try blocks: a flag that is up at the entry would kill the guest before it is in them.
      const guest: Rewritten = new Rewritten(source, {
        polls,
        imports: { test: { raise: () => Atomics.store(guest.control, 0, 1) } },
        interrupt: () => Promise.resolve(1),
      });
      await guest.reset();
      expect(await guest.enter()).toBe('RuntimeError: unreachable');
      expect(guest.interrupts).toBe(1);
      expect(guest.state().globals.caught).toBe(0);
      expect(guest.state().bytes).toEqual([[4, 1]]);
      guest.control[0] = 0;
      expect(await guest.reset()).toBe(0);
      expect(guest.state().bytes).toEqual([]);
      expect(await guest.call('stops')).toBe(6);
    },
  );
});

describe('exceptions', () => {
  // V8 takes no module with both, and counts a null in a function among the new ones.
  it('restores_references_to_new_exceptions_beside_legacy_instructions', async () => {
    const fields = `(tag $t) (global $g (mut exnref) (ref.null exn)) (table $t 2 exnref)
      (func $legacy (try (do (throw $t)) (catch $t)))
      (func $grow (drop (table.grow $t (global.get $g) (i32.const 0))) (table.set $t (i32.const 0) (global.get $g)))
      (func (export "handle") (call $legacy) (call $grow) (global.set $g (table.get $t (i32.const 1))))`;
    const guest = new Rewritten(assembleNew(`(module ${fields})`));
    for (let round = 0; round < 2; round += 1) {
      expect(await guest.reset()).toBe(0);
      expect(await guest.enter()).toBe(0);
    }
  });
});

describe('restore', () => {
  it('does_all_that_reset_does_but_for_the_memory', async () => {
    const source =
      assemble(`(module (memory (export "memory") 1) (data (i32.const 8) "data") (global $g (export "g") (mut i32) (i32.const 5))
      (table (export "t") 2 funcref) (elem (i32.const 0) $f)
      (func $f (export "handle") (global.set $g (i32.const 6)) (i32.store (i32.const 100) (i32.const -1)) (table.set (i32.const 0) (ref.null func))
        (memory.fill (i32.const 8) (i32.const 1) (i32.const 4))))`);
    const guest = new Rewritten(source);
    await guest.reset();
    const fresh = guest.state();
    await guest.enter();
    expect(await guest.call('$luge.restore')).toBe(0);
    const now = guest.state();
    expect({ ...now, bytes: [] }).toEqual({ ...fresh, bytes: [] });
    // The data segment is back, and what nobody cleared is still there.
    expect(now.bytes).toEqual([...fresh.bytes, [100, 255], [101, 255], [102, 255], [103, 255]]);
  });
});
