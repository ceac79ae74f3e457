;; Single cells, for TypeScript: a third of the price of Atomics.* and, for the 64-bit ones, no BigInt.

  (func (export "load32") (param $a i32) (result i32) (i32.atomic.load (local.get $a)))
  (func (export "store32") (param $a i32) (param $v i32) (i32.atomic.store (local.get $a) (local.get $v)))
  (func (export "add32") (param $a i32) (param $v i32) (result i32) (i32.atomic.rmw.add (local.get $a) (local.get $v)))
  (func (export "cas32") (param $a i32) (param $expected i32) (param $next i32) (result i32)
    (i32.atomic.rmw.cmpxchg (local.get $a) (local.get $expected) (local.get $next)))
  (func (export "loadF64") (param $a i32) (result f64) (f64.reinterpret_i64 (i64.atomic.load (local.get $a))))
  (func (export "storeF64") (param $a i32) (param $v f64) (i64.atomic.store (local.get $a) (i64.reinterpret_f64 (local.get $v))))
