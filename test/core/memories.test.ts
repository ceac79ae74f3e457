import binaryen from 'binaryen';
import { describe, expect, it } from 'vitest';
import { allFree, codeOf, small, textOf } from './guests.ts';

function assemble(wat: string): Uint8Array {
  const module = binaryen.parseText(wat);
  try {
    module.setFeatures(binaryen.Features.All);
    return module.emitBinary();
  } finally {
    module.dispose();
  }
}

/** Answers what its memories hold at 100 and 65000, then writes the body's first bytes everywhere. */
const LEAKY = assemble(`(module
  (import "luge" "body_read" (func $body_read (param i32 i32 i32) (result i32)))
  (import "luge" "write" (func $write (param i32 i32) (result i32)))
  (memory $a (export "memory") 1) (memory $b 1 3) (memory $c 2)
  (data (memory $a) (i32.const 0) "A") (data (memory $b) (i32.const 0) "B") (data (memory $c) (i32.const 0) "C")
  (global $written (mut i32) (i32.const 0))
  (func $see (param $byte i32)
    (i32.store8 $a (i32.const 8) (i32.add (i32.const 48) (local.get $byte)))
    (drop (call $write (i32.const 8) (i32.const 1))))
  (func (export "handle")
    (i32.store8 $a (i32.const 1) (i32.load8_u $b (i32.const 0)))
    (i32.store8 $a (i32.const 2) (i32.load8_u $c (i32.const 0)))
    (drop (call $write (i32.const 0) (i32.const 3)))
    (call $see (i32.load8_u $a (i32.const 100)))
    (call $see (i32.load8_u $b (i32.const 65000)))
    (call $see (i32.load8_u $c (i32.const 130000)))
    (drop (call $body_read (i32.const 0) (i32.const 100) (i32.const 1)))
    (memory.fill $b (i32.const 0) (i32.const 5) (i32.const 65536))
    (memory.copy $c $b (i32.const 65536) (i32.const 0) (i32.const 65536))
    (if (i32.eq (i32.load8_u $a (i32.const 100)) (i32.const 103))
      (then (drop (memory.grow $b (i32.const 1)))))
    (if (i32.eq (i32.load8_u $a (i32.const 100)) (i32.const 116)) (then unreachable))))`);

describe('a function with several memories', () => {
  it.each(['retire', 'keep'] as const)(
    'finds_them_all_like_new_at_each_request_with_growth_%s',
    async (growth) => {
      await using runtime = await small();
      await runtime.load('leaky', { wasm: LEAKY, memory: { maxPages: 6, growth } });
      for (const body of ['x', 'x', 'g', 'x', 't', 'x', 'g', 'g']) {
        const call = runtime.invoke('leaky', { body });
        if (body === 't') expect(await codeOf(call)).toBe('ERR_TRAP');
        else expect(textOf(await call)).toBe('ABC000');
      }
      await allFree(runtime);
    },
  );

  it('needs_room_for_all_of_them', async () => {
    await using runtime = await small();
    const load = runtime.load('leaky', { wasm: LEAKY, memory: { maxPages: 3 } });
    expect(await codeOf(load)).toBe('ERR_MEMORY_LIMIT');
  });
});
