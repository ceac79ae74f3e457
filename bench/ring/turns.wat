;; The SPSC ring with a TURN in each cell, as mpmc.wat has it: what spsc.wat is compared with, not part of the module (ablations.ts).
;;   byte  name       written by   read by     meaning
;;      4  MASK       create       all         capacity - 1
;;    128  TAIL       producer     producer    (plain) next to write (free-running)
;;    132  HEAD_SEEN  producer     producer    (plain) the HEAD that it read last
;;    256  HEAD       consumer     all         next to read (free-running)
;;    384  cell 0..   producer     consumer    i64: TURN << 32 | value; TURN = index + 1 of the last write
;; The consumer learns from the cell itself that it is there, and never looks at TAIL: one line a value moves between the cores
;; when the ring is nearly empty, not two. It takes 8 bytes a value, and a batch cannot be published by one store.

  ;; 0, or FULL.
  (func (export "turnsPush") (param $r i32) (param $value i32) (result i32)
    (local $t i32)
    (local.set $t (i32.load offset=128 (local.get $r)))
    (if (i32.gt_s (i32.sub (local.get $t) (i32.load offset=132 (local.get $r))) (i32.load offset=4 (local.get $r)))
      (then
        (i32.store offset=132 (local.get $r) (i32.atomic.load offset=256 (local.get $r)))
        (if (i32.gt_s (i32.sub (local.get $t) (i32.load offset=132 (local.get $r))) (i32.load offset=4 (local.get $r)))
          (then (return (i32.const -3))))))
    (i64.atomic.store offset=384
      (i32.add (local.get $r) (i32.shl (i32.and (local.get $t) (i32.load offset=4 (local.get $r))) (i32.const 3)))
      (i64.or
        (i64.shl (i64.extend_i32_u (i32.add (local.get $t) (i32.const 1))) (i64.const 32))
        (i64.extend_i32_u (local.get $value))))
    (i32.store offset=128 (local.get $r) (i32.add (local.get $t) (i32.const 1)))
    (i32.const 0))

  ;; A value, or EMPTY.
  (func (export "turnsPop") (param $r i32) (result i32)
    (local $h i32) (local $cell i64)
    (local.set $h (i32.atomic.load offset=256 (local.get $r)))
    (local.set $cell (i64.atomic.load offset=384
      (i32.add (local.get $r) (i32.shl (i32.and (local.get $h) (i32.load offset=4 (local.get $r))) (i32.const 3)))))
    (if (i32.ne (i32.wrap_i64 (i64.shr_u (local.get $cell) (i64.const 32))) (i32.add (local.get $h) (i32.const 1)))
      (then (return (i32.const -1))))
    (i32.atomic.store offset=256 (local.get $r) (i32.add (local.get $h) (i32.const 1)))
    (i32.wrap_i64 (local.get $cell)))
