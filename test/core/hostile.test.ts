/** Guests that mean harm: each ends with the right code, its worker lives, others are served, nothing leaks. */
import binaryen from 'binaryen';
import { describe, expect, it } from 'vitest';
import type { Runtime } from '../../src/core/index.ts';
import { allFree, codeOf, ECHO, luge, SLEEP, small, textOf, until, wat } from './guests.ts';

const IMPORTS = `(import "luge" "write" (func $write (param i32 i32) (result i32)))
  (import "luge" "sleep" (func $sleep (param i64)))
  (import "luge" "log" (func $log (param i32 i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))`;

function assemble(body: string, memory = '(memory (export "memory") 1)'): Uint8Array {
  const module = binaryen.parseText(`(module ${IMPORTS} ${memory} ${body})`);
  try {
    module.setFeatures(binaryen.Features.All);
    return module.emitBinary();
  } finally {
    module.dispose();
  }
}

/** Beside the guest under test an echo, which must answer before and after. */
async function hostile(
  options: Parameters<typeof small>[0],
  test: (runtime: Runtime) => Promise<void>,
): Promise<void> {
  await using runtime = await small(options);
  await runtime.load('echo', { wasm: ECHO });
  const served = async (text: string): Promise<void> =>
    expect(textOf(await runtime.invoke('echo', { body: text }))).toBe(text);
  await served('before');
  await test(runtime);
  await served('after');
  await allFree(runtime);
  await until(() => runtime.stats().workers.every(({ held }) => held === 0), 'none is held');
}

describe('a trap', () => {
  it.each([
    ['null_reference', '(drop (struct.get $s 0 (ref.null $s)))'],
    ['cast', '(drop (ref.cast (ref $s) (ref.i31 (i32.const 1))))'],
    ['array_bounds', '(drop (array.get $a (array.new_default $a (i32.const 3)) (i32.const 3)))'],
    ['array_size', '(drop (array.new_default $a (i32.const -1)))'],
    ['table_bounds', '(drop (table.get $t (i32.const 9)))'],
    ['indirect_type', '(drop (call_indirect $t (type $i) (i32.const 0)))'],
    ['indirect_null', '(call_indirect $t (type $v) (i32.const 1))'],
    ['truncation', '(drop (i32.trunc_f64_s (f64.const nan)))'],
    ['quotient', '(drop (i32.div_s (i32.const 0x80000000) (i32.const -1)))'],
    ['remainder', '(drop (i64.rem_u (i64.const 1) (i64.const 0)))'],
    ['unaligned_atomic', '(drop (i32.atomic.load (i32.const 1)))'],
    [
      'wait_on_unshared_memory',
      '(drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const -1)))',
    ],
    ['memory_fill', '(memory.fill (i32.const 1) (i32.const 0) (i32.const 65536))'],
    ['uncaught_exception', '(throw $e)'],
    ['unreachable', '(unreachable)'],
  ])('of_%s_is_a_500_of_its_own_request', async (_kind, code) => {
    await hostile({}, async (runtime) => {
      const wasm =
        assemble(`(type $s (sub (struct (field i32)))) (type $a (array (mut i8))) (type $v (func)) (type $i (func (result i32)))
        (tag $e) (table $t 2 funcref) (func $f) (elem (table $t) (i32.const 0) func $f)
        (func (export "handle") ${code})`);
      await runtime.load('traps', { wasm });
      for (let round = 0; round < 3; round++) {
        expect(await codeOf(runtime.invoke('traps'))).toBe('ERR_TRAP');
      }
    });
  });
});

describe('catch_all', () => {
  /** Tries `code` for ever, and says so whenever something was caught. */
  const stubborn = (code: string, after = '(br $again)'): Uint8Array =>
    assemble(`(func (export "handle") (loop $again
      (block $caught (try_table (catch_all $caught) ${code} (return)))
      (drop (call $write (i32.const 0) (i32.const 1))) ${after}))`);

  it.each([
    ['a_cpu_limit', '(loop $l (br $l))', 'ERR_CPU_LIMIT'],
    ['a_trap', '(unreachable)', 'ERR_TRAP'],
    ['a_bad_pointer', '(call $log (i32.const 65000) (i32.const 1000))', 'ERR_TRAP'],
    [
      'an_output_limit',
      '(loop $l (drop (call $write (i32.const 0) (i32.const 60000))) (br $l))',
      'ERR_GUEST_OUTPUT_LIMIT',
    ],
    ['an_exit', '(call $exit (i32.const 3))', 'ERR_GUEST_EXIT'],
    ['a_deadline_asleep', '(call $sleep (i64.const 0x7fffffffffffffff))', 'ERR_DEADLINE'],
  ])('does_not_catch_%s', async (_what, code, expected) => {
    await hostile({}, async (runtime) => {
      const limits = { cpuLimitMs: 20, maxOutputBytes: 100_000, deadlineMs: 2000 };
      await runtime.load('stubborn', { wasm: stubborn(code), ...limits });
      const deadlineMs = expected === 'ERR_DEADLINE' ? 20 : 2000;
      expect(await codeOf(runtime.invoke('stubborn', { deadlineMs }))).toBe(expected);
    });
  });

  it('does_not_catch_a_cancellation_wherever_it_meets_the_guest', async () => {
    await hostile({}, async (runtime) => {
      await runtime.load('asleep', {
        wasm: stubborn('(call $sleep (i64.const 0x7fffffffffffffff))'),
      });
      await runtime.load('naps', {
        wasm: stubborn('(loop $l (call $sleep (i64.const 0)) (br $l))'),
      });
      await runtime.load('busy', { wasm: stubborn('(loop $l (br $l))') });
      const controller = new AbortController();
      const calls = ['asleep', 'naps', 'busy'].map((name) =>
        codeOf(runtime.invoke(name, { signal: controller.signal })),
      );
      await until(() => runtime.stats().workers[0]?.held === 3, 'all three are held');
      controller.abort(new RangeError('enough'));
      expect(await Promise.all(calls)).toEqual(['RangeError', 'RangeError', 'RangeError']);
      await until(() => runtime.stats().workers[0]?.held === 0, 'none is held');
    });
  });

  it('may_catch_a_used_up_stack_and_is_ended_at_its_limit_all_the_same', async () => {
    await hostile({}, async (runtime) => {
      const wasm = assemble(`(func $deep (call $deep) (call $log (i32.const 0) (i32.const 0)))
        (func (export "handle") (loop $again
          (block $caught (try_table (catch_all $caught) (call $deep)))
          (br $again)))`);
      await runtime.load('deep', { wasm, cpuLimitMs: 30 });
      const code = await codeOf(runtime.invoke('deep'));
      expect(['ERR_CPU_LIMIT', 'ERR_TRAP']).toContain(code);
    });
  });
});

describe('recursion without end', () => {
  it.each([
    ['plain', '(drop (i32.const 0))'],
    ['with_a_log_line_at_each_level', '(call $log (i32.const 0) (i32.const 1))'],
    ['with_a_write_at_each_level', '(drop (call $write (i32.const 0) (i32.const 1)))'],
    [
      'with_a_bad_pointer_at_the_end',
      '(if (i32.gt_u (global.get $n) (i32.const 5000)) (then (call $log (i32.const -1) (i32.const 9))))',
    ],
    [
      'that_slept_deep_down',
      '(if (i32.eq (global.get $n) (i32.const 3000)) (then (call $sleep (i64.const 1))))',
    ],
    [
      'that_slept_often',
      '(if (i32.eqz (i32.rem_u (global.get $n) (i32.const 500))) (then (call $sleep (i64.const 0))))',
    ],
  ])('%s_is_a_500', async (_kind, code) => {
    await hostile({}, async (runtime) => {
      const wasm = assemble(`(global $n (mut i32) (i32.const 0))
        (func $deep (result i32)
          (global.set $n (i32.add (global.get $n) (i32.const 1)))
          ${code}
          (i32.add (call $deep) (global.get $n)))
        (func (export "handle") (drop (call $deep)))`);
      await runtime.load('deep', { wasm });
      for (let round = 0; round < 3; round++) {
        expect(await codeOf(runtime.invoke('deep'))).toBe('ERR_TRAP');
      }
    });
  });
});

describe('a start function', () => {
  it('without_end_is_ended_at_its_limit_at_each_request', async () => {
    await hostile({}, async (runtime) => {
      const wasm = wat('(module (func $s (loop $l (br $l))) (start $s) (func (export "handle")))');
      await runtime.load('start', { wasm, cpuLimitMs: 10 });
      for (let round = 0; round < 3; round++) {
        expect(await codeOf(runtime.invoke('start'))).toBe('ERR_CPU_LIMIT');
      }
    });
  });
});

describe('a bomb', () => {
  it('of_memory_ends_at_the_limit', async () => {
    await hostile({}, async (runtime) => {
      const wasm = luge(`(func (export "handle")
        (loop $l (br_if $l (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))
        (i32.store8 (i32.const 0) (memory.size))
        (drop (call $write (i32.const 0) (i32.const 1))))`);
      await runtime.load('grow', { wasm, memory: { maxPages: 64 } });
      for (let round = 0; round < 20; round++) {
        expect((await runtime.invoke('grow')).body).toEqual(Uint8Array.of(64));
      }
      expect(runtime.stats().workers[0]?.sandboxes).toBeLessThanOrEqual(2);
    });
  });

  it('of_many_memories_is_refused', async () => {
    await hostile({}, async (runtime) => {
      const wasm = assemble(`(func (export "handle"))`, '(memory 1)'.repeat(65));
      expect(await codeOf(runtime.load('many', { wasm, memory: { maxPages: 64 } }))).toBe(
        'ERR_MEMORY_LIMIT',
      );
    });
  });

  it('of_tables_ends_at_the_limit', async () => {
    await hostile({}, async (runtime) => {
      const tables = Array.from({ length: 50 }, (_, t) => t);
      const wasm = assemble(`${tables.map((t) => `(table $t${t} 0 externref)`).join('')}
        (func (export "handle")
          ${tables.map((t) => `(loop $l (br_if $l (i32.ne (table.grow $t${t} (ref.null extern) (i32.const 64)) (i32.const -1))))`).join('')}
          (i32.store (i32.const 0) (i32.add (table.size $t0) (table.size $t49)))
          (drop (call $write (i32.const 0) (i32.const 4))))`);
      await runtime.load('tables', { wasm });
      for (let round = 0; round < 3; round++) {
        const { body } = await runtime.invoke('tables');
        const each = Math.floor((100_000 - 50 * 8) / 50);
        expect(Buffer.from(body).readUInt32LE()).toBe(2 * (each - (each % 64)));
      }
    });
  });

  it.each([
    ['structs', '(ref.null $b)'],
    ['small_arrays', '(array.new_default $b (i32.const 1000))'],
    ['the_largest_arrays', `(array.new_default $b (i32.const ${2 ** 20}))`],
  ])('of_%s_costs_its_worker_and_no_other', async (_kind, value) => {
    await hostile({ workers: 2, maxHeapMbPerWorker: 64 }, async (runtime) => {
      const wasm = assemble(`(type $b (array (mut i8)))
        (type $s (struct (field (ref null $s)) (field (ref null $b))))
        (global $all (mut (ref null $s)) (ref.null $s))
        (func (export "handle") (loop $l (global.set $all (struct.new $s (global.get $all) ${value})) (br $l)))`);
      await runtime.load('bomb', { wasm });
      const bomb = codeOf(runtime.invoke('bomb'));
      let served = 0;
      while (runtime.stats().workersLost === 0) {
        // One that waits on the worker that dies is lost with it; any other is answered.
        const code = await codeOf(runtime.invoke('echo', { body: 'x' }));
        if (code === 'resolved') served++;
        else expect(code).toBe('ERR_WORKER_LOST');
      }
      expect(await bomb).toBe('ERR_WORKER_LOST');
      expect(served).toBeGreaterThan(0);
      expect(runtime.stats().workersLost).toBe(1);
    });
  });
});

describe('many guests', () => {
  it('that_sleep_at_once_are_held_and_given_back', async () => {
    const COUNT = 400;
    await hostile({ maxQueue: COUNT + 8, maxSandboxesPerWorker: COUNT + 1 }, async (runtime) => {
      await runtime.load('sleep', { wasm: SLEEP });
      const controller = new AbortController();
      const calls = Array.from({ length: COUNT }, () =>
        codeOf(runtime.invoke('sleep', { signal: controller.signal })),
      );
      await until(() => runtime.stats().workers[0]?.held === COUNT, 'all are held');
      expect(textOf(await runtime.invoke('echo', { body: 'meanwhile' }))).toBe('meanwhile');
      controller.abort(new RangeError('enough'));
      expect(new Set(await Promise.all(calls))).toEqual(new Set(['RangeError']));
    });
  });
});

describe('names', () => {
  const load = async (text: string): Promise<string> => {
    await using runtime = await small();
    return codeOf(runtime.load('odd', { wasm: wat(`(module ${text})`) }));
  };

  it.each([
    ['(func (export "handle")) (func (export "$luge.enter"))', 'ERR_WASM_RESERVED'],
    ['(func (export "handle")) (memory (export "$luge.memory") 1)', 'ERR_WASM_RESERVED'],
    ['(import "$luge" "control" (memory 1)) (func (export "handle"))', 'ERR_WASM_RESERVED'],
    [
      '(import "$luge" "interrupt" (func (result i32))) (func (export "handle"))',
      'ERR_WASM_RESERVED',
    ],
    ['(global (export "handle") i32 (i32.const 0))', 'ERR_WASM_NO_ENTRY'],
    ['(func (export "handle") (param i32))', 'ERR_WASM_ENTRY_TYPE'],
    ['(import "luge" "writ" (func)) (func (export "handle"))', 'ERR_WASM_IMPORT'],
    ['(import "luge" "__proto__" (func)) (func (export "handle"))', 'ERR_WASM_IMPORT'],
    ['(import "luge" "constructor" (func)) (func (export "handle"))', 'ERR_WASM_IMPORT'],
    ['(import "__proto__" "toString" (func)) (func (export "handle"))', 'ERR_WASM_IMPORT'],
    ['(import "luge" "write" (global i32)) (func (export "handle"))', 'ERR_WASM_IMPORT'],
    ['(import "luge" "write" (func (param i32 i32))) (func (export "handle"))', 'ERR_WASM_IMPORT'],
    [
      '(import "luge" "write" (func (param i32) (result i32))) (func (export "handle"))',
      'ERR_WASM_IMPORT',
    ],
    [
      '(import "luge" "write" (func (param f64 i32) (result i32))) (func (export "handle"))',
      'ERR_WASM_IMPORT',
    ],
    [
      '(import "luge" "write" (func (param externref i32) (result i32))) (func (export "handle"))',
      'ERR_WASM_IMPORT',
    ],
    ['(import "luge" "status" (func (param i32))) (func (export "handle"))', 'resolved'],
    [
      '(import "luge" "status" (func (param i32) (result i32))) (func (export "handle"))',
      'resolved',
    ],
    [
      '(import "luge" "status" (func (param i32) (result i64))) (func (export "handle"))',
      'ERR_WASM_IMPORT',
    ],
    ['(import "luge" "flush" (func (result i32))) (func (export "handle"))', 'resolved'],
    ['(import "luge" "flush" (func)) (func (export "handle"))', 'ERR_WASM_IMPORT'],
    ['(import "luge" "clock_ns" (func (result f64))) (func (export "handle"))', 'ERR_WASM_IMPORT'],
    ['(import "luge" "sleep" (func (param i32))) (func (export "handle"))', 'ERR_WASM_IMPORT'],
    ['(import "env" "abort" (func (param i32))) (func (export "handle"))', 'ERR_WASM_IMPORT'],
    [
      '(import "wasi_snapshot_preview1" "proc_exit" (func (param i64))) (func (export "_start"))',
      'ERR_WASM_IMPORT',
    ],
    ['(global (export "memory") i32 (i32.const 0)) (func (export "handle"))', 'resolved'],
    ['(func (export "memory")) (memory 1) (func (export "handle"))', 'resolved'],
  ])('%s_%s', async (text, code) => {
    expect(await load(text)).toBe(code);
  });

  it('that_hide_the_memory_hide_it_from_nobody', async () => {
    await hostile({}, async (runtime) => {
      const wasm = wat(`(module (import "luge" "write" (func $write (param i32 i32) (result i32)))
        (memory 1) (data (i32.const 0) "mine") (global (export "memory") i32 (i32.const 0))
        (func (export "handle") (drop (call $write (i32.const 0) (i32.const 4)))))`);
      await runtime.load('hidden', { wasm });
      expect(textOf(await runtime.invoke('hidden'))).toBe('mine');
    });
  });
});
