;; Not part of the module: what the bench adds to it (ablations.ts).

  ;; $n times a push and a pop, without a way back to JavaScript between. The sum of the values.
  (func (export "mpmcPairs") (param $r i32) (param $n i32) (result i32)
    (local $i i32) (local $sum i32)
    (loop $next
      (drop (call $mpmcPush (local.get $r) (local.get $i)))
      (local.set $sum (i32.add (local.get $sum) (call $mpmcPop (local.get $r))))
      (br_if $next (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
    (local.get $sum))

  ;; The call from JavaScript and back, alone.
  (func (export "nothing") (param $r i32) (param $value i32) (result i32) (local.get $value))
