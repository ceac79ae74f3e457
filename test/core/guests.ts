/** Guests as WebAssembly text, and what tests of the runtime share. */
import wabtInit from 'wabt';
import { createRuntime, type Runtime } from '../../src/core/index.ts';

const wabt = await wabtInit();
const FEATURES = { threads: true, exceptions: true, bulk_memory: true };

export function wat(text: string): Uint8Array {
  const module = wabt.parseWat('guest.wat', text, FEATURES);
  try {
    return module.toBinary({}).buffer;
  } finally {
    module.destroy();
  }
}

const LUGE = `
  (import "luge" "method" (func $method (param i32 i32) (result i32)))
  (import "luge" "path" (func $path (param i32 i32) (result i32)))
  (import "luge" "query" (func $query (param i32 i32) (result i32)))
  (import "luge" "param" (func $param (param i32 i32 i32 i32) (result i32)))
  (import "luge" "header" (func $header (param i32 i32 i32 i32) (result i32)))
  (import "luge" "body_size" (func $body_size (result i32)))
  (import "luge" "body_read" (func $body_read (param i32 i32 i32) (result i32)))
  (import "luge" "status" (func $status (param i32)))
  (import "luge" "set_header" (func $set_header (param i32 i32 i32 i32) (result i32)))
  (import "luge" "write" (func $write (param i32 i32) (result i32)))
  (import "luge" "flush" (func $flush (result i32)))
  (import "luge" "log" (func $log (param i32 i32)))
  (import "luge" "clock_ns" (func $clock_ns (result i64)))
  (import "luge" "sleep" (func $sleep (param i64)))
  (import "luge" "kv_get" (func $kv_get (param i32 i32 i32 i32) (result i32)))
  (import "luge" "kv_set" (func $kv_set (param i32 i32 i32 i32 i64) (result i32)))
  (import "luge" "kv_insert" (func $kv_insert (param i32 i32 i32 i32 i64) (result i32)))
  (import "luge" "kv_swap" (func $kv_swap (param i32 i32 i32 i32 i32 i32 i64) (result i32)))
  (import "luge" "kv_increment" (func $kv_increment (param i32 i32 i64 i32) (result i32)))
  (import "luge" "kv_delete" (func $kv_delete (param i32 i32) (result i32)))
  (import "luge" "call" (func $call (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "luge" "call_size" (func $call_size (result i32)))
  (import "luge" "call_read" (func $call_read (param i32 i32 i32) (result i32)))
  (import "luge" "call_header" (func $call_header (param i32 i32 i32 i32) (result i32)))`;

const WASI = ['args', 'environ']
  .flatMap((list) => [`${list}_sizes_get`, `${list}_get`])
  .map(
    (name) =>
      `(import "wasi_snapshot_preview1" "${name}" (func $${name} (param i32 i32) (result i32)))`,
  )
  .concat(
    ['fd_read', 'fd_write'].map(
      (name) =>
        `(import "wasi_snapshot_preview1" "${name}" (func $${name} (param i32 i32 i32 i32) (result i32)))`,
    ),
    '(import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))',
    '(import "wasi_snapshot_preview1" "random_get" (func $random_get (param i32 i32) (result i32)))',
    '(import "wasi_snapshot_preview1" "fd_fdstat_get" (func $fd_fdstat_get (param i32 i32) (result i32)))',
    '(import "wasi_snapshot_preview1" "clock_time_get" (func $clock_time_get (param i32 i64 i32) (result i32)))',
  )
  .join('\n');

/** A guest of the `luge` interface with a page of memory. */
export function luge(body: string, memory = '1'): Uint8Array {
  return wat(`(module ${LUGE} (memory (export "memory") ${memory}) ${body})`);
}

/** A WASI command with two pages of memory. */
export function wasi(body: string): Uint8Array {
  return wat(`(module ${WASI} (memory (export "memory") 2) ${body})`);
}

/** Answers the body, in pieces of 5000 bytes. */
export const ECHO: Uint8Array = luge(`(func (export "handle") (local $at i32) (local $n i32)
  (loop $more
    (local.set $n (call $body_read (local.get $at) (i32.const 0) (i32.const 5000)))
    (if (local.get $n) (then
      (drop (call $write (i32.const 0) (local.get $n)))
      (local.set $at (i32.add (local.get $at) (local.get $n)))
      (br $more)))))`);

export const SPIN: Uint8Array = luge('(func (export "handle") (loop $l (br $l)))');

/** Sleeps for as long as it may, and again when it is woken: it never ends by itself. */
export const SLEEP: Uint8Array = wat(`(module (memory (export "memory") 1 1 shared)
  (func (export "handle") (loop $again
    (drop (memory.atomic.wait32 (i32.const 0) (i32.const 0) (i64.const -1)))
    (br $again))))`);

/** Does what the first byte of the body says: traps in some way, or answers "fine". */
export const TRAPS: Uint8Array = luge(`
  (table 1 funcref)
  (global $deep (mut i32) (i32.const 0))
  (data (i32.const 8) "fine")
  (func $recurse (result i32)
    (global.set $deep (i32.add (global.get $deep) (i32.const 1)))
    (i32.add (call $recurse) (global.get $deep)))
  (func (export "handle") (local $c i32)
    (drop (call $body_read (i32.const 0) (i32.const 0) (i32.const 1)))
    (local.set $c (i32.load8_u (i32.const 0)))
    (if (i32.eq (local.get $c) (i32.const 117)) (then unreachable)) ;; u
    (if (i32.eq (local.get $c) (i32.const 100)) ;; d
      (then (drop (i32.div_u (i32.const 1) (i32.load (i32.const 4))))))
    (if (i32.eq (local.get $c) (i32.const 109)) (then (drop (i32.load (i32.const -4))))) ;; m
    (if (i32.eq (local.get $c) (i32.const 116)) (then (call_indirect (i32.const 0)))) ;; t
    (if (i32.eq (local.get $c) (i32.const 115)) (then (drop (call $recurse)))) ;; s
    (if (i32.eq (local.get $c) (i32.const 104)) ;; h
      (then (drop (call $write (i32.const 65000) (i32.const 1000)))))
    (drop (call $write (i32.const 8) (i32.const 4))))`);

/** A WASI command that copies its input to its output, seven bytes at a time. */
export const CAT: Uint8Array = wasi(`(func (export "_start")
  (loop $more
    (i32.store (i32.const 0) (i32.const 64))
    (i32.store (i32.const 4) (i32.const 7))
    (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
    (if (i32.load (i32.const 8)) (then
      (i32.store (i32.const 4) (i32.load (i32.const 8)))
      (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
      (br $more)))))`);

export function textOf(result: { readonly body: Uint8Array }): string {
  return Buffer.from(result.body).toString('latin1');
}

/** Waits until `isSo`, by looking often; gives up after a number of looks, not of seconds. */
export async function until(isSo: () => boolean, what: string): Promise<void> {
  for (let look = 0; look < 4000; look++) {
    if (isSo()) return;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  throw new Error(`in vain: ${what}`);
}

/** All slots and chunks are back. */
export async function allFree(runtime: Runtime): Promise<void> {
  await until(
    () => {
      const { slotsFree, slots, chunksFree, chunks, queued } = runtime.stats();
      return slotsFree === slots && chunksFree === chunks && queued === 0;
    },
    `slots and chunks come back: ${JSON.stringify(runtime.stats())}`,
  );
}

/** One worker unless told, which its guests share in turns; small, and closed by `await using`. */
export function small(options: Parameters<typeof createRuntime>[0] = {}): Promise<Runtime> {
  const own = { workers: 1, maxQueue: 64, bodyMemoryBytes: 2 ** 20, scheduler: 'rr' as const };
  return createRuntime({ ...own, ...options });
}

/** How a call was refused: its code, or the name of what is no LugeError. */
export async function codeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
  } catch (error) {
    const { code, name } = error as { code?: string; name: string };
    return typeof code === 'string' ? code : name;
  }
  return 'resolved';
}
