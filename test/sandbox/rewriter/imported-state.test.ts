import { describe, expect, it } from 'vitest';
import { type RewriteError, rewrite } from '../../../src/sandbox/rewriter/index.ts';
import { assemble, assembleNew, type Call, Guest, Rewritten, type State } from './harness.ts';

// What a guest imports is the host's: it is looked at there, in the objects that were given.

const HANDLE = '(func (export "handle"))';

function failure(source: Uint8Array, standalone: boolean): RewriteError {
  try {
    rewrite(source, { maxPages: 1, standalone });
  } catch (error) {
    return error as RewriteError;
  }
  throw new Error('the module was rewritten');
}

/** Of which each call gives new ones, so that the original and the rewritten module do not share them. */
function globals(): Record<string, WebAssembly.Global> {
  const global = (value: string, init: unknown): WebAssembly.Global =>
    new WebAssembly.Global({ value, mutable: true }, init);
  return {
    i: global('i32', -7),
    l: global('i64', 1n << 40n),
    f: global('f32', 1.5),
    d: global('f64', -0),
    x: global('externref', 'a text'),
    r: global('anyfunc', null),
  };
}

const VARIABLES = assemble(`(module
  (import "env" "i" (global $i (mut i32))) (import "env" "l" (global $l (mut i64))) (import "env" "f" (global $f (mut f32)))
  (import "env" "d" (global $d (mut f64))) (import "env" "x" (global $x (mut externref))) (import "env" "r" (global $r (mut funcref)))
  (import "env" "c" (global $c i32)) (global $own (export "own") (mut i32) (global.get $c))
  (func (export "handle") (result i32) (global.get $i))
  (func $set (export "set") (param i32 i64 f32 f64 externref)
    (global.set $i (local.get 0)) (global.set $l (local.get 1)) (global.set $f (local.get 2)) (global.set $d (local.get 3))
    (global.set $x (local.get 4)) (global.set $r (ref.func $set)) (global.set $own (i32.const 1))))`);

describe('imported mutable globals', () => {
  const values = (of: Record<string, WebAssembly.Global>): unknown[] =>
    Object.values(of).map(({ value }) => (typeof value === 'function' ? 'function' : value));
  const call: Call = ['set', 3, 4n, 2.5, 8, 'another'];

  it('are_the_hosts_and_restored_by_reset', async () => {
    const theirs = globals();
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(VARIABLES), {
      env: { ...theirs, c: 9 },
    });
    await new Guest(exports, undefined).call(...call);
    const ours = globals();
    const guest = new Rewritten(VARIABLES, { imports: { env: { ...ours, c: 9 } } });
    const initial = values(ours);
    for (let round = 0; round < 3; round += 1) {
      expect(await guest.reset()).toBe(0);
      expect(values(ours)).toEqual(initial);
      expect(await guest.enter()).toBe(-7);
      await guest.call(...call);
      expect(values(ours)).toEqual(values(theirs));
    }
    expect(guest.info.reset.globals).toBe(7);
  });

  it('of_vectors_and_of_references_that_are_never_null_are_restored_too', async () => {
    const provider = assembleNew(`(module (type $s (struct (field i32)))
      (global (export "v") (mut v128) (v128.const i64x2 1 2))
      (global (export "s") (mut (ref $s)) (struct.new $s (i32.const 5)))
      (global (export "k") (mut (ref null $s)) (struct.new $s (i32.const 6))))`);
    const source = assembleNew(`(module (type $s (struct (field i32)))
      (import "env" "v" (global $v (mut v128))) (import "env" "s" (global $s (mut (ref $s)))) (import "env" "k" (global $k (mut (ref null $s))))
      ${HANDLE}
      (func (export "get") (result i64) (i64.add (i64x2.extract_lane 1 (global.get $v))
        (i64.extend_i32_u (i32.add (struct.get $s 0 (global.get $s)) (struct.get $s 0 (global.get $k))))))
      (func (export "set") (global.set $v (v128.const i64x2 7 8)) (global.set $s (struct.new $s (i32.const 9))) (global.set $k (ref.null $s))))`);
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(provider));
    const guest = new Rewritten(source, { imports: { env: exports } });
    for (let round = 0; round < 3; round += 1) {
      expect(await guest.reset()).toBe(0);
      expect(await guest.call('get')).toBe('13n');
      await guest.call('set');
      expect(await guest.call('get')).toBe('RuntimeError: dereferencing a null pointer');
    }
  });
});

const TABLES = assemble(`(module
  (import "env" "t" (table $t 4 funcref)) (import "env" "x" (table $x 2 9 externref)) (import "env" "seen" (table $seen 1 funcref))
  (table $own (export "own") 2 funcref)
  (elem (table $t) (i32.const 1) func $a $b) (elem (table $seen) (i32.const 0) func $b)
  (func $a (export "a") (result i32) (i32.const 1)) (func $b (export "b") (result i32) (i32.const 2))
  (func (export "handle") (result i32) (call_indirect $seen (result i32) (i32.const 0)))
  (func (export "call") (param i32) (result i32) (call_indirect $t (result i32) (local.get 0)))
  (func (export "mess") (param externref)
    (table.set $t (i32.const 0) (ref.func $b)) (table.copy $t $t (i32.const 1) (i32.const 0) (i32.const 3))
    (table.fill $x (i32.const 0) (local.get 0) (i32.const 2)) (table.set $own (i32.const 1) (ref.func $a)))
  (func (export "grow") (param i32) (result i32) (table.grow $x (ref.null extern) (local.get 0))))`);

describe('imported tables', () => {
  const table = (element: 'anyfunc' | 'externref', initial: number): WebAssembly.Table =>
    new WebAssembly.Table({ element, initial });
  const other = new WebAssembly.Instance(
    new WebAssembly.Module(assemble('(module (func (export "f") (result i32) (i32.const 77)))')),
  ).exports.f;

  function tables(): Record<string, WebAssembly.Table> {
    const list = {
      t: table('anyfunc', 5),
      x: new WebAssembly.Table({ element: 'externref', initial: 3, maximum: 9 }),
      seen: table('anyfunc', 1),
    };
    list.t.set(0, other);
    list.t.set(1, other);
    list.t.set(4, other);
    list.x.set(1, 'of the host');
    return list;
  }

  /** The guest's functions by name, as those of two instances are never the same. */
  function items(of: Record<string, WebAssembly.Table>, exports: Record<string, unknown>): unknown {
    const names = new Map([...Object.entries(exports), ['f', other]].map(([name, f]) => [f, name]));
    return Object.values(of).map((one) =>
      Array.from({ length: one.length }, (_, at) => names.get(one.get(at)) ?? one.get(at)),
    );
  }

  it('are_the_hosts_and_restored_by_reset', async () => {
    const theirs = tables();
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(TABLES), { env: theirs });
    const original = new Guest(exports, undefined);
    const ours = tables();
    const guest = new Rewritten(TABLES, { imports: { env: ours } });
    const fresh = items(theirs, exports);
    const outcomes = [await original.call('call', 0), await original.call('call', 2)];
    const own = original.state().tables;
    await original.call('mess', 'of the guest');
    const messy: [unknown, State['tables']] = [items(theirs, exports), original.state().tables];
    for (let round = 0; round < 3; round += 1) {
      expect(await guest.reset()).toBe(0);
      expect(items(ours, guest.exports)).toEqual(fresh);
      expect(guest.state().tables).toEqual(own);
      expect(await guest.enter()).toBe(2);
      expect([await guest.call('call', 0), await guest.call('call', 2)]).toEqual(outcomes);
      await guest.call('mess', 'of the guest');
      expect([items(ours, guest.exports), guest.state().tables]).toEqual(messy);
    }
  });

  it('retire_when_they_have_grown', async () => {
    const guest = new Rewritten(TABLES, { imports: { env: tables() } });
    expect(await guest.reset()).toBe(0);
    expect(await guest.call('grow', 7)).toBe(-1);
    expect(await guest.reset()).toBe(0);
    expect(await guest.call('grow', 6)).toBe(3);
    expect(await guest.reset()).toBe(1);
  });

  it('may_be_one_under_two_names_or_hold_references_that_are_never_null', async () => {
    const provider =
      assembleNew(`(module (type $f (func (result i32))) (func $one (type $f) (i32.const 1))
      (table (export "t") 3 (ref $f) (ref.func $one)) (table (export "w") i64 2 (ref $f) (ref.func $one)))`);
    const source = assembleNew(`(module (type $f (func (result i32)))
      (import "env" "t" (table $t 3 (ref $f))) (import "env" "t" (table $same 2 (ref $f))) (import "env" "w" (table $w i64 2 (ref $f)))
      (func $two (type $f) (i32.const 2)) (elem declare func $two) ${HANDLE}
      (func (export "set") (table.set $t (i32.const 0) (ref.func $two)) (table.set $same (i32.const 2) (ref.func $two))
        (table.set $w (i64.const 1) (ref.func $two)))
      (func (export "sum") (result i32)
        (i32.add (i32.add (call_indirect $same (type $f) (i32.const 0)) (call_indirect $t (type $f) (i32.const 2)))
          (i32.add (call_indirect $w (type $f) (i64.const 0)) (call_indirect $w (type $f) (i64.const 1))))))`);
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(provider));
    const guest = new Rewritten(source, { imports: { env: exports } });
    for (let round = 0; round < 3; round += 1) {
      expect(await guest.reset()).toBe(0);
      expect(await guest.call('sum')).toBe(4);
      await guest.call('set');
      expect(await guest.call('sum')).toBe(7);
    }
  });
});

describe('standalone', () => {
  const SOURCE = assemble(`(module
    (import "env" "t" (table $t 3 5 funcref)) (import "env" "raise" (func $raise (param i32))) (import "env" "e" (tag $e (param i32)))
    (import "env" "k" (global $k i32)) (tag $own (param i32)) (table $u (export "u") 1 funcref)
    (export "t" (table $t)) (elem (table $t) (i32.const 1) func $a)
    (func $a (result i32) (i32.const 40))
    (func (export "call") (param i32) (result i32) (call_indirect $t (result i32) (local.get 0)))
    (func (export "set") (table.set $t (i32.const 0) (ref.func $a)) (table.set $t (i32.const 1) (ref.null func)))
    (func (export "handle") (result i32)
      (try (result i32) (do (call $raise (i32.const 5)) (throw $e (i32.add (global.get $k) (i32.const 1))))
        (catch $own (i32.const -1) (i32.add)) (catch $e))))`);
  const imports = { env: { raise: () => undefined, k: 41 } };

  it('tables_and_tags_become_the_guests_own', async () => {
    const { bytes, info } = rewrite(SOURCE, { maxPages: 1, standalone: true });
    const names = WebAssembly.Module.imports(new WebAssembly.Module(bytes)).map(({ name }) => name);
    expect(names).toEqual(['raise', 'k', 'control', 'interrupt']);
    expect(info.imports.map(({ kind }) => kind)).toEqual(['table', 'func', 'tag', 'global']);
    const guest = new Rewritten(SOURCE, { standalone: true, imports });
    const trap = 'RuntimeError: function signature mismatch';
    for (let round = 0; round < 3; round += 1) {
      expect(await guest.reset()).toBe(0);
      expect(guest.state().tables).toEqual({ t: [null, 'function', null], u: [null] });
      expect(await guest.enter()).toBe(42);
      expect(await guest.calls([['call', 1], ['set'], ['call', 0], ['call', 1]])).toEqual([
        ...[40, undefined, 40, trap],
      ]);
    }
  });

  it('what_cannot_be_empty_or_would_be_two_things_is_refused', () => {
    const never = assembleNew(
      `(module (import "env" "t" (table $t 1 (ref func))) ${HANDLE} (export "t" (table $t)))`,
    );
    const twice = assemble(
      `(module (import "env" "e" (tag $a)) (import "env" "e" (tag $b)) ${HANDLE})`,
    );
    for (const [source, words] of [
      [never, 'the imported table env.t cannot be empty'],
      [twice, 'the imported tag env.e, for the second time,'],
    ] as const) {
      const error = failure(source, true);
      expect([error.code, error.offset !== undefined]).toEqual(['ERR_WASM_UNSUPPORTED', true]);
      expect(error.message).toContain(words);
      expect(() => failure(source, false)).toThrow('the module was rewritten');
    }
  });
});
