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

/** Echoes method and body through a 64-bit memory; what it is told to do first is the body's first byte. */
const WIDE = assemble(`(module
  (import "luge" "method" (func $method (param i64 i64) (result i32)))
  (import "luge" "body_read" (func $body_read (param i64 i64 i64) (result i32)))
  (import "luge" "status" (func $status (param i32)))
  (import "luge" "write" (func $write (param i64 i64) (result i32)))
  (import "luge" "clock_ns" (func $clock_ns (result i64)))
  (memory $m (export "memory") i64 1)
  (data (i64.const 60000) "|")
  (func (export "handle") (local $n i64)
    (if (i64.eqz (call $clock_ns)) (then unreachable))
    (drop (call $write (i64.const 0) (i64.extend_i32_u (call $method (i64.const 0) (i64.const -1)))))
    (drop (call $write (i64.const 60000) (i64.const 1)))
    (local.set $n (i64.extend_i32_u (call $body_read (i64.const 0) (i64.const 0) (i64.const 60000))))
    (drop (call $write (i64.const 0) (local.get $n)))
    ;; f: an address beyond 4 GiB, of which the low half would be a good one
    (if (i32.eq (i32.load8_u (i64.const 0)) (i32.const 102))
      (then (drop (call $write (i64.const 0x100000000) (i64.const 4)))))
    (drop (call $body_read (i64.const 0x100000000) (i64.const 0) (i64.const 9)))
    (call $status (i32.const 201))))`);

describe('a function with 64-bit addresses', () => {
  it('passes_them_to_host_functions', async () => {
    await using runtime = await small();
    await runtime.load('wide', { wasm: WIDE });
    for (let round = 0; round < 3; round += 1) {
      const result = await runtime.invoke('wide', { method: 'PUT', body: `hello ${round}` });
      expect([result.status, textOf(result)]).toEqual([201, `PUT|hello ${round}`]);
    }
    expect(await codeOf(runtime.invoke('wide', { body: 'f' }))).toBe('ERR_TRAP');
    expect(textOf(await runtime.invoke('wide', { method: 'GET' }))).toBe('GET|');
    await allFree(runtime);
  });

  it.each([
    [
      'a WASI call',
      `(import "wasi_snapshot_preview1" "sched_yield" (func (result i32))) (memory i64 1)`,
      /sched_yield.*32-bit addresses/,
    ],
    [
      'an i64 result',
      '(import "luge" "write" (func (param i64 i64) (result i64))) (memory i64 1)',
      /luge\.write.*its type is .* -> \(i32\), and not .*\(i64\)/,
    ],
  ])('cannot_have_%s', async (_, fields, message) => {
    await using runtime = await small();
    const load = runtime.load('f', {
      wasm: assemble(`(module ${fields} (func (export "handle")))`),
    });
    const error = await load.then(
      () => undefined,
      (reason: unknown) => reason as Error & { code: string },
    );
    expect(error?.code).toBe('ERR_WASM_IMPORT');
    expect(error?.message).toMatch(message);
  });
});

describe('a function that imports what nobody has', () => {
  it('gets_tables_and_tags_of_its_own_for_each_request', async () => {
    await using runtime = await small();
    await runtime.load('own', {
      wasm: assemble(`(module
        (import "env" "__indirect_function_table" (table $t 2 funcref)) (import "env" "__cpp_exception" (tag $e (param i32)))
        (import "luge" "status" (func $status (param i32)))
        (elem (table $t) (i32.const 1) func $throw)
        (func $throw (throw $e (i32.const 201)))
        (func (export "handle")
          (if (i32.eqz (ref.is_null (table.get $t (i32.const 0)))) (then unreachable))
          (table.set $t (i32.const 0) (ref.func $throw))
          (call $status (block $caught (result i32)
            (try_table (catch $e $caught) (call_indirect $t (i32.const 1)))
            (unreachable)))))`),
    });
    for (let round = 0; round < 3; round += 1) {
      expect((await runtime.invoke('own')).status).toBe(201);
    }
    expect(runtime.stats().workersLost).toBe(0);
    await allFree(runtime);
  });

  it('is_refused_a_global', async () => {
    await using runtime = await small();
    const wasm = assemble(
      '(module (import "env" "__stack_pointer" (global (mut i32))) (func (export "handle")))',
    );
    expect(await codeOf(runtime.load('f', { wasm }))).toBe('ERR_WASM_IMPORT');
  });
});
