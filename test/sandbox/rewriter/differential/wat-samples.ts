/**
 * What the numeric samples leave out: control, calls, references, tables, segments, exceptions, objects. Any number may
 * come as an argument, so that loops count by a few bits of it and end.
 */
import { assembleNew } from '../harness.ts';
import type { Sample } from './numeric-samples.ts';

const LOG = '(import "host" "log" (func $log (param i32)))';

const TEXTS: readonly (readonly [name: string, fields: string])[] = [
  [
    'control',
    `${LOG} (global $g (mut i64) (i64.const 3)) (global $f (mut f32) (f32.const 1.5)) (global $d (mut f64) (f64.const -2.5))
    (func (param $n i32) (result i32) (local $i i32) (local $sum i32)
      (block $out
        (loop $again
          (br_if $out (i32.ge_u (local.get $i) (i32.and (local.get $n) (i32.const 7))))
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (call $log (local.get $i))
          (block $c (block $b (block $a
            (br_table $a $b $c $again $out (i32.and (i32.add (local.get $n) (local.get $i)) (i32.const 7))))
            (nop) (local.set $sum (i32.add (local.get $sum) (i32.const 1))) (br $again))
            (local.set $sum (i32.mul (local.get $sum) (i32.const 3))))
          (if (i32.eqz (i32.rem_u (local.get $sum) (i32.const 2)))
            (then (global.set $g (i64.add (global.get $g) (i64.extend_i32_u (local.get $sum)))))
            (else (global.set $f (f32.neg (global.get $f)))))
          (br $again)))
      (if (i32.eq (local.get $n) (i32.const 3)) (then (return (i32.const 99))))
      (if (i32.eq (local.get $n) (i32.const 7)) (then (unreachable)))
      (select (local.get $sum) (local.tee $i (i32.const 5)) (local.get $n)))
    (func (param i32) (result f64)
      (global.set $d (f64.mul (global.get $d) (f64.const 1.25)))
      (drop (select (result f32) (global.get $f) (f32.const 2) (local.get 0)))
      (select (result f64) (global.get $d) (f64.const 4) (local.get 0)))
    (func (param i32 i64) (result i64) (local $i i32)
      (local.get 1)
      (loop $l (param i64) (result i64)
        (i64.add (i64.const 5))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $l (i32.lt_u (local.get $i) (i32.and (local.get 0) (i32.const 3))))))
    (func (param i32) (result v128) (v128.const i32x4 1 2 3 4))`,
  ],
  [
    'calls',
    `${LOG} (type $unary (func (param i32) (result i32))) (type $none (func))
    (table $t 6 funcref) (elem (table $t) (i32.const 0) func $twice $down $indirectly) (elem declare func $twice $byTable)
    (func $twice (type $unary) (call $log (local.get 0)) (i32.mul (local.get 0) (i32.const 2)))
    (func $down (type $unary)
      (if (result i32) (i32.and (local.get 0) (i32.const 31))
        (then (return_call $down (i32.sub (local.get 0) (i32.const 1)))) (else (local.get 0))))
    (func $byTable (type $unary) (call $log (i32.const -1))
      (return_call_indirect $t (type $unary) (local.get 0) (i32.and (local.get 0) (i32.const 1))))
    (func $indirectly (type $unary)
      (call_indirect $t (type $unary) (local.get 0) (i32.and (local.get 0) (i32.const 1))))
    (func (type $unary) (call_indirect $t (type $unary) (i32.const 9) (local.get 0)))
    (func (type $unary) (call_indirect $t (type $none) (i32.and (local.get 0) (i32.const 1))) (i32.const 1))
    (func (type $unary) (call_ref $unary (local.get 0) (ref.func $byTable)))
    (func (type $unary) (return_call_ref $unary (i32.and (local.get 0) (i32.const 3)) (ref.func $down)))
    (func (param (ref null $unary)) (result i32)
      (block $null
        (return (call_ref $unary (i32.const 4) (br_on_null $null (local.get 0)))))
      (i32.const -1))
    (func (param (ref null $unary)) (result i32)
      (block $some (result (ref $unary))
        (br_on_non_null $some (local.get 0))
        (return (i32.const -2)))
      (drop) (i32.const 2))
    (func (param (ref null $unary)) (result i32) (call_ref $unary (i32.const 5) (local.get 0)))
    (func (param funcref) (result i32) (ref.is_null (local.get 0)))
    (func (param funcref) (result (ref func)) (ref.as_non_null (local.get 0)))
    (func (param i32) (result funcref)
      (if (result funcref) (local.get 0) (then (ref.func $twice)) (else (ref.null func))))
    (func (param i32 funcref) (result funcref)
      (select (result funcref) (local.get 1) (ref.func $down) (local.get 0)))`,
  ],
  [
    'legacy exceptions',
    `${LOG} (tag $number (param i32)) (tag $other)
    (func $throws (param i32)
      (call $log (local.get 0))
      (if (i32.and (local.get 0) (i32.const 1)) (then (throw $number (local.get 0))))
      (if (i32.and (local.get 0) (i32.const 2)) (then (throw $other)))
      (if (i32.and (local.get 0) (i32.const 4)) (then (unreachable))))
    (func (param i32) (result i32)
      (try $t (result i32) (do (call $throws (local.get 0)) (i32.const 0))
        (catch $number (i32.const 1) (i32.add)) (catch $other (i32.const -2))))
    (func (param i32) (result i32) (local $i i32)
      (loop $l
        (try $outer (do
          (try $inner (do (call $throws (local.get $i)))
            (catch_all (call $log (i32.const 100)) (rethrow $inner))))
          (catch_all (call $log (i32.const 200))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $l (i32.lt_u (local.get $i) (i32.and (local.get 0) (i32.const 3)))))
      (local.get $i))
    (func (param i32) (result i32)
      (try $outer (result i32) (do
        (try (result i32) (do
          (loop $l (result i32) (call $throws (local.get 0)) (i32.const 7)))
          (delegate $outer)))
        (catch $number)
        (catch_all (i32.const -3))))`,
  ],
  [
    'exceptions',
    `${LOG} (tag $number (param i32)) (tag $other) (global $kept (mut exnref) (ref.null exn))
    (func $throws (param i32)
      (call $log (local.get 0))
      (if (i32.and (local.get 0) (i32.const 1)) (then (throw $number (local.get 0))))
      (if (i32.and (local.get 0) (i32.const 2)) (then (throw $other)))
      (if (i32.and (local.get 0) (i32.const 4)) (then (unreachable))))
    (func (param i32) (result i32)
      (block $other (block $all (block $number (result i32)
        (try_table (catch $number $number) (catch $other $other) (catch_all $all)
          (loop $l (call $throws (local.get 0))))
        (return (i32.const 0)))
        (return (i32.add (i32.const 1)))) (return (i32.const -1))) (i32.const -2))
    (func (param i32) (result i32) (local $i i32)
      (loop $l
        (block $done
          (global.set $kept (block $all (result exnref)
            (try_table (catch_all_ref $all) (call $throws (local.get $i)))
            (br $done)))
          (call $log (i32.const 300)))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $l (i32.lt_u (local.get $i) (i32.and (local.get 0) (i32.const 3)))))
      (local.get $i))
    (func (param i32)
      (block $caught (result i32 exnref)
        (try_table (catch_ref $number $caught) (call $throws (local.get 0)))
        (return))
      (throw_ref))
    (func (throw_ref (global.get $kept)))`,
  ],
  [
    'tables',
    `(table $a 5 9 funcref) (table $b 3 externref) (elem $e func $one $two) (elem (table $a) (i32.const 1) func $one)
    (func $one (result i32) (i32.const 1)) (func $two (result i32) (i32.const 2))
    (func (param i32) (result funcref) (table.get $a (i32.and (local.get 0) (i32.const 7))))
    (func (param i32 externref) (result externref)
      (table.set $b (i32.and (local.get 0) (i32.const 3)) (local.get 1)) (table.get $b (i32.const 1)))
    (func (param i32) (table.set $a (i32.and (local.get 0) (i32.const 7)) (ref.func $two)))
    (func (param i32 i32) (table.init $a $e (i32.and (local.get 0) (i32.const 7)) (i32.const 0) (i32.and (local.get 1) (i32.const 3))))
    (func (param i32 i32) (table.copy $a $a (i32.and (local.get 0) (i32.const 3)) (i32.and (local.get 1) (i32.const 3)) (i32.const 3)))
    (func (param i32 i32 externref) (table.fill $b (i32.and (local.get 0) (i32.const 3)) (local.get 2) (i32.and (local.get 1) (i32.const 3))))
    (func (result i32) (i32.add (table.size $a) (i32.mul (i32.const 100) (table.size $b))))
    (func (elem.drop $e))
    (func $use (drop (ref.func $two)))`,
  ],
  [
    'growing tables',
    `(table $a 5 9 funcref) (table $b 1 externref)
    (func (param i32) (result i32) (table.grow $a (ref.null func) (i32.and (local.get 0) (i32.const 3))))
    (func (param externref i32) (result i32) (table.grow $b (local.get 0) (i32.and (local.get 1) (i32.const 1))))
    (func (result i32) (i32.add (table.size $a) (table.size $b)))`,
  ],
  [
    'bulk memory',
    `(memory $m 2) (data $p "a passive segment") (data (i32.const 65530) "over the edge of a page")
    (func (param i32 i32) (memory.fill (i32.and (local.get 0) (i32.const 0x1ffff)) (i32.const 0x5a) (i32.and (local.get 1) (i32.const 0xffff))))
    (func (param i32 i32) (memory.copy (i32.and (local.get 0) (i32.const 0x1ffff)) (i32.and (local.get 1) (i32.const 0x1ffff)) (i32.const 5000)))
    (func (param i32 i32) (memory.init $p (i32.and (local.get 0) (i32.const 0x1ffff)) (i32.const 2) (i32.and (local.get 1) (i32.const 15))))
    (func (result i32) (memory.size))
    (func (data.drop $p))
    (func (param i32) (result i64) (i64.load (i32.and (local.get 0) (i32.const 0x1ffff))))`,
  ],
  [
    'growing memory',
    `(memory $m 1 3)
    (func (param i32) (result i32) (memory.grow (i32.and (local.get 0) (i32.const 1))))
    (func (param i32) (i32.store (i32.and (local.get 0) (i32.const 0x3fffc)) (local.get 0)))
    (func (result i32) (memory.size))`,
  ],
  [
    'several memories',
    `(memory $a 1) (memory $b 2 3) (data (memory $b) (i32.const 100) "of the second")
    (func (param i32 i64) (i64.store $b (i32.and (local.get 0) (i32.const 0x1fff8)) (local.get 1)))
    (func (param i32) (memory.copy $a $b (i32.and (local.get 0) (i32.const 0xff)) (i32.const 100) (i32.const 13)))
    (func (param i32) (memory.fill $b (i32.and (local.get 0) (i32.const 0x1ffff)) (i32.const 7) (i32.const 20)))
    (func (param i32) (result i32) (i32.load8_u $a (i32.and (local.get 0) (i32.const 0xff))))
    (func (result i32) (i32.add (memory.size $a) (memory.size $b)))`,
  ],
  [
    'waits of a shared memory',
    `(memory $m 1 2 shared)
    (func (param i32 i32) (result i32) (memory.atomic.wait32 (i32.and (local.get 0) (i32.const 0xfffe)) (local.get 1) (i64.const 0)))
    (func (param i32) (result i32) (memory.atomic.wait32 offset=4 (i32.and (local.get 0) (i32.const 0xfffc)) (i32.const 0) (i64.const 1000)))
    (func (param i32 i64) (result i32) (memory.atomic.wait64 (i32.and (local.get 0) (i32.const 0xfff8)) (local.get 1) (i64.const 0)))
    (func (param i32) (result i32) (memory.atomic.notify (i32.and (local.get 0) (i32.const 0xfffc)) (i32.const 1)))
    (func (param i32 i32) (i32.store (i32.and (local.get 0) (i32.const 0xff)) (local.get 1)) (atomic.fence))`,
  ],
  [
    'waits of an unshared memory',
    `(memory $m 1)
    (func (param i32 i32) (result i32) (memory.atomic.wait32 (i32.and (local.get 0) (i32.const 0xfffc)) (local.get 1) (i64.const 0)))
    (func (param i32 i64) (result i32) (memory.atomic.wait64 (i32.and (local.get 0) (i32.const 0xfff8)) (local.get 1) (i64.const 0)))
    (func (param i32) (result i32) (memory.atomic.notify (i32.and (local.get 0) (i32.const 0xfffc)) (i32.const 1)))`,
  ],
  [
    'structs',
    `(type $s (sub (struct (field (mut i32)) (field (mut i8)) (field (mut i16)) (field (mut eqref)))))
    (type $t (sub $s (struct (field (mut i32)) (field (mut i8)) (field (mut i16)) (field (mut eqref)) (field (mut f64)))))
    (global $last (mut (ref null $s)) (ref.null $s))
    (func (param i32) (result (ref $s))
      (global.set $last (struct.new $s (local.get 0) (local.get 0) (local.get 0) (ref.i31 (local.get 0))))
      (struct.set $s 3 (global.get $last) (global.get $last))
      (ref.as_non_null (global.get $last)))
    (func (result (ref $t)) (struct.new_default $t))
    (func (param i32) (result i32) (struct.set $s 0 (global.get $last) (local.get 0)) (struct.get $s 0 (global.get $last)))
    (func (param i32) (result i32) (struct.set $s 1 (global.get $last) (local.get 0))
      (i32.add (struct.get_s $s 1 (global.get $last)) (struct.get_u $s 2 (global.get $last))))
    (func (param (ref null $s)) (result i32) (ref.eq (local.get 0) (global.get $last)))
    (func (param anyref) (result i32) (i32.add (ref.test (ref $t) (local.get 0)) (i32.mul (i32.const 2) (ref.test (ref null $s) (local.get 0)))))
    (func (param anyref) (result (ref $t)) (ref.cast (ref $t) (local.get 0)))
    (func (param anyref) (result (ref null $s)) (ref.cast (ref null $s) (local.get 0)))
    (func (param anyref) (result i32)
      (block $is (result (ref $t)) (drop (br_on_cast $is anyref (ref $t) (local.get 0))) (return (i32.const 0))) (drop) (i32.const 1))
    (func (param anyref) (result i32)
      (block $not (result anyref) (drop (br_on_cast_fail $not anyref (ref null $s) (local.get 0))) (return (i32.const 0))) (drop) (i32.const 1))
    (func (param anyref) (result externref) (extern.convert_any (local.get 0)))
    (func (param externref) (result anyref) (any.convert_extern (local.get 0)))
    (func (param i32) (result i32) (i32.xor (i31.get_s (ref.i31 (local.get 0))) (i31.get_u (ref.i31 (local.get 0)))))
    (func (param i32) (result i31ref) (ref.i31 (local.get 0)))`,
  ],
  [
    'arrays',
    `(type $b (array (mut i8))) (type $l (array (mut i64))) (type $f (array (mut funcref)))
    (data $d "0123456789abcdef0123456789abcdef") (elem $e func $one $one $two)
    (global $bytes (mut (ref null $b)) (ref.null $b)) (global $longs (mut (ref null $l)) (ref.null $l)) (global $functions (mut (ref null $f)) (ref.null $f))
    (func $one (result i32) (i32.const 1)) (func $two (result i32) (i32.const 2))
    (func (param i32) (global.set $bytes (array.new $b (local.get 0) (i32.const 9))) (global.set $longs (array.new_default $l (i32.const 5))))
    (func (param i64) (global.set $longs (array.new_fixed $l 3 (local.get 0) (i64.const 2) (i64.const 3))))
    (func (param i32) (global.set $bytes (array.new_data $b $d (i32.and (local.get 0) (i32.const 31)) (i32.const 8))))
    (func (param i32) (global.set $functions (array.new_elem $f $e (i32.and (local.get 0) (i32.const 3)) (i32.const 2))))
    (func (param i32 i64) (result i64) (array.set $l (global.get $longs) (i32.and (local.get 0) (i32.const 7)) (local.get 1)) (array.get $l (global.get $longs) (i32.const 1)))
    (func (param i32) (result i32) (i32.add (array.get_s $b (global.get $bytes) (local.get 0)) (array.get_u $b (global.get $bytes) (i32.const 2))))
    (func (result i32) (array.len (global.get $functions)))
    (func (result i32) (array.len (global.get $bytes)))
    (func (param i32 i32) (array.fill $b (global.get $bytes) (i32.and (local.get 0) (i32.const 7)) (local.get 0) (i32.and (local.get 1) (i32.const 3))))
    (func (param i32 i32) (array.copy $b $b (global.get $bytes) (i32.and (local.get 0) (i32.const 3)) (global.get $bytes) (i32.and (local.get 1) (i32.const 7)) (i32.const 4)))
    (func (param i32) (array.init_data $b $d (global.get $bytes) (i32.const 1) (i32.and (local.get 0) (i32.const 31)) (i32.const 5)))
    (func (param i32) (array.init_elem $f $e (global.get $functions) (i32.const 0) (i32.and (local.get 0) (i32.const 3)) (i32.const 2)))
    (func (param i32) (result funcref) (array.get $f (global.get $functions) (i32.and (local.get 0) (i32.const 3))))
    (func (data.drop $d)) (func (elem.drop $e))`,
  ],
  [
    'imports',
    `${LOG} (import "host" "memory" (memory 1 2)) (import "host" "word" (global $word i32)) (import "host" "text" (global $text externref))
    (import "host" "tag" (tag $tag (param i32))) (data (offset (global.get $word)) "at an imported offset")
    (global $copy (mut i32) (global.get $word))
    (func (param i32) (result i32) (global.set $copy (i32.add (global.get $copy) (local.get 0))) (global.get $copy))
    (func (result externref) (global.get $text))
    (func (param i32) (result i32) (i32.store (i32.and (local.get 0) (i32.const 0xff)) (local.get 0)) (i32.load (i32.const 4)))
    (func (param i32) (call $log (local.get 0)) (throw $tag (local.get 0)))`,
  ],
  [
    'an imported mutable global',
    `(import "host" "count" (global $count (mut i32)))
    (func (param i32) (result i32) (global.set $count (i32.add (global.get $count) (local.get 0))) (global.get $count))`,
  ],
  [
    'an imported table',
    `(import "host" "table" (table $t 3 5 funcref)) (elem (table $t) (i32.const 1) func $f)
    (func $f (result i32) (i32.const 5))
    (func (param i32) (result i32) (call_indirect $t (result i32) (i32.and (local.get 0) (i32.const 3))))
    (func (param i32) (table.set $t (i32.and (local.get 0) (i32.const 3)) (ref.func $f)))`,
  ],
  [
    'a 64-bit memory',
    `(memory $m i64 1 3) (data $p "passive") (data (i64.const 9) "active")
    (func (param i64 i64) (i64.store offset=5 (i64.and (local.get 0) (i64.const 0x1fff8)) (local.get 1)))
    (func (param i64) (result i64) (i64.load (i64.and (local.get 0) (i64.const 0xffff8))))
    (func (param i64) (result i32) (i32.load8_u (local.get 0)))
    (func (param i64) (result i64) (memory.grow (i64.and (local.get 0) (i64.const 1))))
    (func (param i64) (memory.fill (i64.and (local.get 0) (i64.const 0xffff)) (i32.const 3) (i64.const 4097)))
    (func (param i64) (memory.copy (i64.and (local.get 0) (i64.const 0xffff)) (i64.const 3) (i64.const 9)))
    (func (param i64) (memory.init $p (i64.and (local.get 0) (i64.const 0x1ffff)) (i32.const 1) (i32.const 4)))
    (func (result i64) (memory.size)) (func (data.drop $p))`,
  ],
  [
    'a 64-bit table',
    `(table $t i64 4 6 funcref) (elem $e func $f $f) (elem (table $t) (i64.const 2) func $f)
    (func $f (result i32) (i32.const 5))
    (func (param i64) (result funcref) (table.get $t (i64.and (local.get 0) (i64.const 7))))
    (func (param i64) (table.set $t (i64.and (local.get 0) (i64.const 7)) (ref.null func)))
    (func (param i64) (result i64) (table.grow $t (ref.func $f) (i64.and (local.get 0) (i64.const 1))))
    (func (param i64) (table.fill $t (i64.and (local.get 0) (i64.const 3)) (ref.func $f) (i64.const 2)))
    (func (param i64) (table.init $t $e (i64.and (local.get 0) (i64.const 3)) (i32.const 0) (i32.const 2)))
    (func (param i64) (result i32) (call_indirect $t (result i32) (i64.and (local.get 0) (i64.const 7))))
    (func (result i64) (table.size $t)) (func (elem.drop $e))`,
  ],
  [
    'start and segments',
    `${LOG} (memory 1) (table 4 funcref) (global $n (mut i32) (i32.const 1)) (start $start)
    (elem (i32.const 1) $start) (data (i32.const 5) "active") (data (offset (i32.add (i32.const 5) (i32.const 3))) "extended")
    (func $start (call $log (global.get $n)) (global.set $n (i32.add (global.get $n) (i32.const 10))) (i32.store (i32.const 100) (global.get $n)))
    (func (export "handle") (result i32) (call_indirect (i32.const 1)) (i32.load (i32.const 100)))`,
  ],
  [
    'a start function that traps',
    `${LOG} (memory 1) (start $start) (func $start (call $log (i32.const 4)) (drop (i32.load (i32.const -1))))`,
  ],
  [
    'a segment out of bounds',
    `(memory 1) (data (i32.const 65530) "too long") (func (result i32) (i32.const 1))`,
  ],
];

export function watSamples(): Sample[] {
  return TEXTS.map(([name, fields]) => ({ name, bytes: assembled(name, fields) }));
}

function assembled(name: string, fields: string): Uint8Array<ArrayBuffer> {
  try {
    return assembleNew(`(module ${fields})`);
  } catch (error) {
    throw new Error(`${name}: ${(error as Error).message}`);
  }
}
