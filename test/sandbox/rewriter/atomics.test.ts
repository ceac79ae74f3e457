import { describe, expect, it } from 'vitest';
import { assemble, Rewritten } from './harness.ts';

const wat = (memory: string): string => `(module (memory (export "memory") ${memory})
  (func (export "handle") (result i32) (i32.const 0))
  (func (export "w32") (param i32) (result i32) (memory.atomic.wait32 offset=8 (local.get 0) (i32.const 3) (i64.const 4)))
  (func (export "w64") (param i32) (result i32) (memory.atomic.wait64 offset=8 (local.get 0) (i64.const 5) (i64.const -1)))
  (func (export "set") (param i32 i32) (i32.store (local.get 0) (local.get 1)))
  (func (export "far") (param i32) (result i32) (memory.atomic.wait32 offset=0xfffffff8 (local.get 0) (i32.const 3) (i64.const 4)))
  (func (export "rmw") (result i32) (atomic.fence) (drop (i32.atomic.rmw.add (i32.const 16) (i32.const 7)))
    (i32.atomic.rmw.cmpxchg (i32.const 16) (i32.const 7) (i32.const 9)))
  (func (export "notify") (param i32) (result i32) (memory.atomic.notify (local.get 0) (i32.const 1))))`;

const OUT_OF_BOUNDS = 'RuntimeError: memory access out of bounds';
const UNALIGNED = 'RuntimeError: operation does not support unaligned accesses';

/** `memory.atomic.wait32` and `wait64` as they are encoded with the natural alignment. */
function blocks(bytes: Uint8Array): boolean {
  return [Buffer.from([0xfe, 0x01, 0x02]), Buffer.from([0xfe, 0x02, 0x03])].some((op) =>
    Buffer.from(bytes).includes(op),
  );
}

describe('memory.atomic.wait', () => {
  it('traps_in_a_memory_that_was_declared_unshared', async () => {
    const source = assemble(wat('1'));
    const guest = new Rewritten(source);
    await guest.reset();
    expect(blocks(source)).toBe(true);
    expect(blocks(guest.bytes)).toBe(false);
    for (const name of ['w32', 'w64', 'far']) {
      expect(await guest.call(name, 0)).toBe('RuntimeError: unreachable');
    }
    expect(await guest.call('rmw')).toBe(7);
    expect(await guest.call('notify', 0)).toBe(0);
    expect(await guest.call('notify', 2)).toBe(UNALIGNED);
  });

  it('asks_the_host_with_the_effective_address_in_a_shared_one', async () => {
    const asked: unknown[][] = [];
    const guest = new Rewritten(assemble(wat('1 2 shared')), {
      wait32: (...args) => {
        asked.push(args);
        return 1;
      },
      wait64: (...args) => {
        asked.push(args);
        return Promise.resolve(2);
      },
    });
    await guest.reset();
    expect(blocks(guest.bytes)).toBe(false);
    // The host is asked only where the value is the expected one.
    expect([await guest.call('w32', 4), await guest.call('w64', 16)]).toEqual([1, 1]);
    expect(asked).toEqual([]);
    for (const [at, value] of [
      [12, 3],
      [24, 5],
      [65_532, 3],
    ] as const) {
      await guest.call('set', at, value);
    }
    expect([await guest.call('w32', 4), await guest.call('w64', 16)]).toEqual([1, 2]);
    expect([await guest.call('w32', 65_524), await guest.call('far', 0)]).toEqual([
      1,
      OUT_OF_BOUNDS,
    ]);
    expect(asked).toEqual([
      [12, 3, 4n],
      [24, 5n, -1n],
      [65_532, 3, 4n],
    ]);
  });

  it('traps_where_the_wait_would', async () => {
    const guest = new Rewritten(assemble(wat('1 2 shared')));
    await guest.reset();
    expect(await guest.call('w32', 1)).toBe(UNALIGNED);
    expect(await guest.call('w64', 4)).toBe(UNALIGNED);
    expect(await guest.call('w32', 65_528)).toBe(OUT_OF_BOUNDS);
    expect(await guest.call('w64', 65_528)).toBe(OUT_OF_BOUNDS);
    // The effective address does not wrap at 2^32.
    expect(await guest.call('w32', -8)).toBe(OUT_OF_BOUNDS);
    expect(await guest.call('far', 16)).toBe(OUT_OF_BOUNDS);
  });

  it('dies_when_the_host_says_so', async () => {
    const guest = new Rewritten(assemble(wat('1 2 shared')), { wait32: () => Promise.resolve(3) });
    await guest.reset();
    await guest.call('set', 8, 3);
    expect(await guest.call('w32', 0)).toBe('RuntimeError: unreachable');
  });

  it('imports_no_wait_for_an_unshared_memory', () => {
    const names = (memory: string): string[] =>
      WebAssembly.Module.imports(
        new WebAssembly.Module(new Rewritten(assemble(wat(memory))).bytes),
      ).map(({ name }) => name);
    expect(names('1')).toEqual(['memory', 'control', 'interrupt']);
    expect(names('1 2 shared')).toEqual(['memory', 'control', 'interrupt', 'wait32', 'wait64']);
  });
});
