import type { Call } from './harness.ts';

// Modules that are run as they are and rewritten. Each exports its memory (if any), globals and tables, so that the
// state after the calls can be compared and not only what the calls give.

export interface Sample {
  readonly name: string;
  readonly wat: string;
  readonly calls: readonly Call[];
  /** The module cannot be reset after the calls: memory or a table has grown. */
  readonly retires?: boolean;
  readonly imports?: () => Record<string, Record<string, unknown>>;
}

function sample(
  name: string,
  wat: string,
  calls: readonly Call[] = [],
  extra: Partial<Sample> = {},
): Sample {
  return { name, wat, calls, ...extra };
}

const numbers = (name: string, ...values: readonly unknown[]): Call[] =>
  values.map((value) => [name, value]);
const HANDLE = '(func (export "handle") (result i32) (i32.const 7))';

export const CORPUS: readonly Sample[] = [
  sample(
    'recursion',
    `(module ${HANDLE}
      (func $fib (export "fib") (param i32) (result i32)
        (if (result i32) (i32.lt_u (local.get 0) (i32.const 2)) (then (local.get 0))
          (else (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1)))
                         (call $fib (i32.sub (local.get 0) (i32.const 2)))))))
      (func $even (export "even") (param i32) (result i32)
        (if (result i32) (i32.eqz (local.get 0)) (then (i32.const 1))
          (else (call $odd (i32.sub (local.get 0) (i32.const 1))))))
      (func $odd (param i32) (result i32)
        (if (result i32) (i32.eqz (local.get 0)) (then (i32.const 0))
          (else (call $even (i32.sub (local.get 0) (i32.const 1)))))))`,
    [...numbers('fib', 0, 1, 10, 13), ...numbers('even', 0, 7, 100)],
  ),
  sample(
    'nested_loops',
    `(module (memory (export "memory") 1) ${HANDLE}
      (func (export "run") (param $n i32) (result i32)
        (local $i i32) (local $j i32) (local $k i32) (local $sum i32)
        (loop $a
          (local.set $j (i32.const 0))
          (loop $b
            (local.set $k (i32.const 0))
            (loop $c
              (local.set $sum (i32.add (local.get $sum) (i32.xor (local.get $i) (i32.mul (local.get $j) (local.get $k)))))
              (i32.store (i32.shl (local.get $k) (i32.const 2)) (local.get $sum))
              (br_if $c (i32.lt_u (local.tee $k (i32.add (local.get $k) (i32.const 1))) (local.get $n))))
            (loop $d
              (local.set $sum (i32.add (local.get $sum) (i32.const 3)))
              (br_if $d (i32.lt_u (local.tee $k (i32.add (local.get $k) (i32.const 1))) (i32.mul (local.get $n) (i32.const 2)))))
            (br_if $b (i32.lt_u (local.tee $j (i32.add (local.get $j) (i32.const 1))) (local.get $n))))
          (br_if $a (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
        (local.get $sum)))`,
    numbers('run', 0, 1, 2, 5),
  ),
  sample(
    'br_table_out_of_loops',
    `(module ${HANDLE}
      (func (export "run") (param $x i32) (result i32) (local $n i32)
        (block $out
          (loop $a
            (local.set $n (i32.add (local.get $n) (i32.const 1)))
            (br_if $out (i32.gt_u (local.get $n) (i32.const 20)))
            (block $one
              (loop $b
                (local.set $n (i32.add (local.get $n) (i32.const 2)))
                (br_if $out (i32.gt_u (local.get $n) (i32.const 40)))
                (loop $c
                  (local.set $n (i32.add (local.get $n) (i32.const 3)))
                  (br_if $out (i32.gt_u (local.get $n) (i32.const 60)))
                  (br_table $c $b $one $a $out (i32.rem_u (i32.add (local.get $x) (local.get $n)) (i32.const 7))))))
            (local.set $n (i32.add (local.get $n) (i32.const 5)))
            (br $a)))
        (local.get $n)))`,
    numbers('run', 0, 1, 2, 3, 4, 5, 6),
  ),
  sample(
    'loop_parameters_and_results',
    `(module ${HANDLE}
      (func (export "run") (param $n i32) (result i64 i32 f64)
        (i64.const 1) (i32.const 2) (f64.const 0.5)
        (loop $a (param i64 i32 f64) (result i64 i32 f64)
          (f64.add (f64.const 1.25))
          (loop $b (param f64) (result f64)
            (f64.mul (f64.const 1.5))
            (br_if $b (i32.and (local.tee $n (i32.sub (local.get $n) (i32.const 1))) (i32.const 1))))
          (br_if $a (i32.gt_s (local.tee $n (i32.sub (local.get $n) (i32.const 1))) (i32.const 0)))))
      (func (export "swap") (param i32 i32) (result i32 i32)
        (local.get 0) (local.get 1)
        (loop (param i32 i32) (result i32 i32)
          (local.set 0) (local.set 1) (i32.add (local.get 0) (i32.const 3)) (local.get 1)
          (br_if 0 (i32.lt_u (i32.add (local.get 0) (local.get 1)) (i32.const 50)))))
      (func (export "one") (param i32) (result i32)
        (loop $l (result i32)
          (br_if $l (i32.gt_s (local.tee 0 (i32.sub (local.get 0) (i32.const 1))) (i32.const 0)))
          (i32.add (local.get 0) (i32.const 11)))))`,
    [...numbers('run', 0, 1, 9), ['swap', 4, 9], ['swap', 70, 71], ...numbers('one', 0, 5)],
  ),
  sample(
    'if_else_results',
    `(module ${HANDLE}
      (func (export "run") (param i32) (result i32 i64)
        (if (result i32 i64) (i32.and (local.get 0) (i32.const 1))
          (then (i32.const 1) (loop (result i64) (i64.const 5)))
          (else (loop (result i32 i64) (i32.const 2)
            (if (result i64) (i32.and (local.get 0) (i32.const 2))
              (then (i64.const 6)) (else (return (i32.const 9) (i64.const 9)))))))))`,
    numbers('run', 0, 1, 2, 3),
  ),
  sample(
    'unreachable_code',
    `(module (memory (export "memory") 1 2) ${HANDLE}
      (func (export "run") (param i32) (result i32)
        (block $out (result i32)
          (loop $l (result i32)
            (br $out (i32.const 3))
            (loop (br 0) (loop (br 2)))
            (drop (memory.grow))
            (i32.add)
            (if (then (br $l)) (else unreachable (br_table $l $l)))
            (unreachable) (select) (call_indirect $t (param i32) (result i32)))))
      (table $t 1 funcref)
      (func (export "trap") (loop unreachable)))`,
    [['run', 1], ['trap']],
  ),
  sample(
    'simd',
    `(module (memory (export "memory") 1) ${HANDLE}
      (data (i32.const 16) "\\01\\02\\03\\04\\05\\06\\07\\08\\09\\0a\\0b\\0c\\0d\\0e\\0f\\10")
      (func (export "run") (param $n i32) (result i32) (local $v v128)
        (loop $l
          (local.set $v (i8x16.add (local.get $v)
            (i8x16.shuffle 0 17 2 19 4 21 6 23 8 25 10 27 12 29 14 31 (v128.load (i32.const 16)) (v128.const i32x4 1 2 3 4))))
          (v128.store (i32.const 64) (local.get $v))
          (v128.store8_lane 3 (i32.const 200) (local.get $v))
          (local.set $v (v128.load16_lane 2 (i32.const 18) (local.get $v)))
          (br_if $l (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
        (i32x4.extract_lane 1 (local.get $v))))`,
    numbers('run', 1, 9),
  ),
  sample(
    'passive_data_dropped',
    `(module (memory (export "memory") 1) ${HANDLE}
      (data $p "passive bytes") (data $q "") (data $a (i32.const 100) "active")
      (func (export "init") (param i32 i32 i32) (memory.init $p (local.get 0) (local.get 1) (local.get 2)))
      (func (export "init_q") (param i32 i32 i32) (memory.init $q (local.get 0) (local.get 1) (local.get 2)))
      (func (export "init_a") (param i32 i32 i32) (memory.init $a (local.get 0) (local.get 1) (local.get 2)))
      (func (export "drop") (data.drop $p)) (func (export "drop_a") (data.drop $a)))`,
    [
      ['init', 0, 0, 13],
      ['init', 20, 3, 10],
      ['init', 0, 3, 11],
      ['init', 65536, 13, 0],
      ['init', 65537, 13, 0],
      ['init_q', 0, 0, 0],
      ['init_q', 0, 1, 0],
      ['init_a', 0, 0, 0],
      ['init_a', 0, 0, 1],
      ['init_a', 0, 1, 0],
      ['init_a', 65537, 0, 0],
      ['drop_a'],
      ['drop'],
      ['drop'],
      ['init', 0, 0, 0],
      ['init', 0, 0, 1],
      ['init', 0, 1, 0],
      ['init', 0, -1, 0],
      ['init', 0, -1, 1],
      ['init', 65537, 0, 0],
    ],
  ),
  sample(
    'bulk_memory',
    `(module (memory (export "memory") 1) ${HANDLE}
      (func (export "fill") (param i32 i32 i32) (memory.fill (local.get 0) (local.get 1) (local.get 2)))
      (func (export "copy") (param i32 i32 i32) (memory.copy (local.get 0) (local.get 1) (local.get 2)))
      (func (export "load") (param i32) (result i32) (i32.load offset=4 (local.get 0))))`,
    [
      ['fill', 5, 9, 20],
      ['copy', 10, 0, 20],
      ['copy', 65530, 0, 7],
      ...numbers('load', 0, 65528, 65529, -4, -8),
    ],
  ),
  sample(
    'tables_written',
    `(module ${HANDLE}
      (type $f (func (result i32)))
      (table $t (export "t") 6 10 funcref) (table $u (export "u") 3 externref) (table $w (export "w") 2 funcref)
      (elem $act (table $t) (i32.const 1) func $a $b) (elem $pas func $c $a $b)
      (elem $exp (table $t) (i32.const 4) funcref (ref.func $c) (ref.null func))
      (elem $keep (table $w) (i32.const 0) func $a $c)
      (elem declare func $d)
      (func $a (result i32) (i32.const 10)) (func $b (result i32) (i32.const 20)) (func $c (result i32) (i32.const 30))
      (func $d (result i32) (i32.const 40))
      (func (export "call") (param i32) (result i32) (call_indirect $t (type $f) (local.get 0)))
      (func (export "call_w") (param i32) (result i32) (call_indirect $w (type $f) (local.get 0)))
      (func (export "init") (param i32 i32 i32) (table.init $t $pas (local.get 0) (local.get 1) (local.get 2)))
      (func (export "init_act") (param i32 i32 i32) (table.init $t $act (local.get 0) (local.get 1) (local.get 2)))
      (func (export "drop") (elem.drop $pas)) (func (export "drop_act") (elem.drop $act))
      (func (export "set") (param i32) (table.set $t (local.get 0) (ref.func $d)))
      (func (export "fill") (param i32 i32) (table.fill $t (local.get 0) (ref.func $c) (local.get 1)))
      (func (export "copy") (param i32 i32 i32) (table.copy $t $w (local.get 0) (local.get 1) (local.get 2)))
      (func (export "set_u") (param i32 externref) (table.set $u (local.get 0) (local.get 1)))
      (func (export "size") (result i32) (table.size $t)))`,
    [
      ...numbers('call', 0, 1, 2, 4, 5, 6),
      ...numbers('call_w', 0, 1, 2),
      ['init', 0, 0, 3],
      ['init_act', 0, 0, 0],
      ['init_act', 0, 0, 1],
      ['init', 0, 1, 3],
      ...numbers('call', 0, 1, 2),
      ['set', 3],
      ['set', 6],
      ['call', 3],
      ['fill', 4, 2],
      ['copy', 0, 0, 2],
      ...numbers('call', 0, 1, 4, 5),
      ['set_u', 1, 'text'],
      ['drop'],
      ['drop_act'],
      ['init', 0, 0, 0],
      ['init', 0, 0, 1],
      ['init', 0, 1, 0],
      ['init', 7, 0, 0],
      ['size'],
    ],
  ),
  sample(
    'table_growth',
    `(module ${HANDLE}
      (table $t (export "t") 2 4 funcref) (elem (table $t) (i32.const 0) func $a)
      (func $a)
      (func (export "grow") (param i32) (result i32) (table.grow $t (ref.func $a) (local.get 0))))`,
    numbers('grow', 0, 1, 5, 1),
    { retires: true },
  ),
  sample(
    'memory_growth',
    `(module (memory (export "memory") 1 5) ${HANDLE}
      (func (export "size") (result i32) (memory.size))
      (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
      (func (export "poke") (param i32) (i32.store (local.get 0) (i32.const -1))))`,
    [
      ['size'],
      ['poke', 65536],
      ...numbers('grow', 0, 1, 7, -1, 3, 1),
      ['size'],
      ['poke', 65536],
      ['poke', 327676],
      ['poke', 327677],
    ],
    { retires: true },
  ),
  sample(
    'table_unwritten',
    `(module ${HANDLE}
      (table $t (export "t") 3 funcref) (elem (i32.const 1) $a $b)
      (func $a (result i32) (i32.const 1)) (func $b (param i32) (result i32) (local.get 0))
      (func (export "call") (param i32) (result i32) (call_indirect (result i32) (local.get 0)))
      (func (export "tail") (param i32) (result i32) (return_call_indirect (result i32) (local.get 0))))`,
    [...numbers('call', 0, 1, 2, 3), ...numbers('tail', 1, 2, 9)],
  ),
  sample(
    'legacy_exceptions',
    `(module (tag $e (param i32)) (tag $g) ${HANDLE}
      (func $thrower (param i32)
        (if (i32.eq (local.get 0) (i32.const 1)) (then (throw $e (i32.const 41))))
        (if (i32.eq (local.get 0) (i32.const 2)) (then (throw $g)))
        (if (i32.eq (local.get 0) (i32.const 3)) (then (unreachable))))
      (func (export "run") (param $x i32) (result i32) (local $n i32)
        (loop $l (result i32)
          (try (result i32)
            (do (loop $in
                  (call $thrower (local.get $x))
                  (br_if $in (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 4))))
                (local.get $n))
            (catch $e (loop $c (local.set $n (i32.add (local.get $n) (i32.const 1)))
                         (br_if $c (i32.lt_u (local.get $n) (i32.const 9))))
                      (i32.add (local.get $n)))
            (catch_all (local.set $x (i32.const 1)) (br $l)))))
      (func (export "delegate") (param $x i32) (result i32)
        (try $outer (result i32)
          (do (loop $l (result i32)
                (try (do (loop (try (do (call $thrower (local.get $x))) (delegate $outer)))) (catch_all unreachable))
                (local.set $x (i32.const 1)) (br $l)))
          (catch $e) (catch_all (i32.const -2))))
      (func (export "rethrow") (param $x i32) (result i32)
        (try (result i32)
          (do (try (result i32)
                (do (call $thrower (local.get $x)) (i32.const 0))
                (catch_all (loop (result i32) (loop (result i32) (rethrow 2))))))
          (catch $e (i32.const 100) (i32.add))))
      (func (export "escape") (param i32) (loop (call $thrower (local.get 0)))))`,
    [
      ...numbers('run', 0, 1, 2, 3),
      ...numbers('delegate', 0, 1, 2, 3),
      ...numbers('rethrow', 0, 1, 2, 3),
      ...numbers('escape', 0, 1, 2, 3),
    ],
  ),
  sample(
    'try_table',
    `(module (tag $e (param i32)) (tag $g) ${HANDLE}
      (func $thrower (param i32)
        (if (i32.eq (local.get 0) (i32.const 1)) (then (throw $e (i32.const 41))))
        (if (i32.eq (local.get 0) (i32.const 2)) (then (throw $g))))
      (func (export "run") (param $x i32) (result i32) (local $n i32)
        (loop $again
          (local.set $n (i32.add (local.get $n) (i32.const 1)))
          (block $caught (result i32)
            (try_table (catch $e $caught) (catch_all $again)
              (loop $in
                (call $thrower (i32.sub (local.get $x) (local.get $n)))
                (br_if $in (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 4)))))
            (return (local.get $n)))
          (return (i32.add (local.get $n))))
        unreachable))`,
    numbers('run', 0, 1, 2, 3, 4, 5),
  ),
  sample(
    'tail_calls',
    `(module ${HANDLE}
      (func $down (export "down") (param i32 i64) (result i64)
        (loop $l
          (if (i32.eqz (local.get 0)) (then (return (local.get 1))))
          (if (i32.and (local.get 0) (i32.const 1)) (then
            (return_call $down (i32.sub (local.get 0) (i32.const 1)) (i64.add (local.get 1) (i64.const 2)))))
          (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
          (br $l))
        unreachable))`,
    [
      ['down', 0, 0n],
      ['down', 3001, 5n],
    ],
  ),
  sample(
    'globals',
    `(module (import "env" "base" (global $base i32)) ${HANDLE}
      (global $i (export "i") (mut i32) (i32.const -3)) (global $l (export "l") (mut i64) (i64.const 1234567890123))
      (global $f (export "f") (mut f32) (f32.const 1.5)) (global $d (export "d") (mut f64) (f64.const -0))
      (global $v (mut v128) (v128.const i64x2 1 2)) (global $r (export "r") (mut funcref) (ref.func $set))
      (global $x (export "x") (mut externref) (ref.null extern)) (global $c (export "c") i32 (i32.const 9))
      (global $b (export "b") (mut i32) (global.get $base))
      (global $s (export "s") (mut i32) (i32.add (global.get $base) (i32.const 5)))
      (func $set (export "set") (param externref)
        (global.set $i (i32.const 1)) (global.set $l (i64.const 2)) (global.set $f (f32.const 3)) (global.set $d (f64.const 4))
        (global.set $v (v128.const i64x2 5 6)) (global.set $r (ref.null func)) (global.set $x (local.get 0))
        (global.set $b (i32.const 8)) (global.set $s (i32.const 9)))
      (func (export "vec") (result i64) (i64x2.extract_lane 1 (global.get $v))))`,
    [['vec'], ['set', 'kept'], ['vec']],
    { imports: () => ({ env: { base: 1000 } }) },
  ),
  sample(
    'start_function',
    `(module (memory (export "memory") 1) (global $n (export "n") (mut i32) (i32.const 1))
      (func $start (local $i i32)
        (loop $l (i32.store8 (local.get $i) (i32.const 65))
          (br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 50))))
        (global.set $n (i32.add (global.get $n) (i32.const 1))))
      (start $start)
      (func (export "handle") (result i32) (global.get $n)))`,
  ),
  sample(
    'imported_functions',
    `(module (import "env" "twice" (func $twice (param i32) (result i32))) (import "env" "log" (func $log (param i32)))
      ${HANDLE}
      (table (export "t") 2 funcref) (elem (i32.const 0) $twice $run)
      (func $run (export "run") (param i32) (result i32)
        (loop $l (call $log (local.get 0))
          (br_if $l (i32.lt_u (local.tee 0 (call $twice (local.get 0))) (i32.const 100))))
        (call_indirect (param i32) (result i32) (local.get 0) (i32.const 0)))
      (export "reexported" (func $twice)))`,
    [
      ['run', 3],
      ['reexported', 8],
    ],
    { imports: () => ({ env: { twice: (x: number) => x * 2, log: () => undefined } }) },
  ),
  sample(
    'segment_offsets',
    `(module (import "env" "base" (global $base i32)) ${HANDLE}
      (memory (export "memory") 1) (table (export "t") 10 funcref)
      (data (global.get $base) "at base") (data (i32.add (global.get $base) (i32.const 3)) "over") (data (i32.const 65536) "")
      (elem (offset (i32.sub (global.get $base) (i32.const 2))) $f $f) (func $f)
      (func (export "set") (table.set 0 (i32.const 0) (ref.func $f))))`,
    [['set']],
    { imports: () => ({ env: { base: 7 } }) },
  ),
  sample(
    'select_and_references',
    `(module ${HANDLE}
      (func $f) (elem declare func $f)
      (func (export "run") (param i32) (result i32)
        (ref.is_null (select (result funcref) (ref.func $f) (ref.null func) (local.get 0))))
      (func (export "ext") (param externref i32) (result externref)
        (select (result externref) (local.get 0) (ref.null extern) (local.get 1))))`,
    [...numbers('run', 0, 1), ['ext', 'a', 0], ['ext', 'a', 1]],
  ),
];
