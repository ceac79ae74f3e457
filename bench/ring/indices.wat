;; The SPSC ring whose sides exchange counters, each with a copy of the other's: what spsc.wat is compared with, not part of the
;; module (ablations.ts). One store publishes a batch, and a value takes 4 bytes; but where the consumer keeps up, two lines move for a
;; value: TAIL's and the cell's.
;;   byte  name       written by   read by     meaning
;;      4  MASK       create       all         capacity - 1
;;    128  TAIL       producer     all         next to write (free-running)
;;    132  HEAD_SEEN  producer     producer    (plain) the HEAD that it read last
;;    256  HEAD       consumer     all         next to read (free-running)
;;    260  TAIL_SEEN  consumer     consumer    (plain) the TAIL that it read last
;;    384  cell 0..   producer     consumer    (plain) 4 bytes each: the value

  ;; Producer only. 0, or FULL.
  (func (export "indicesPush") (param $r i32) (param $value i32) (result i32)
    (local $t i32)
    (local.set $t (i32.atomic.load offset=128 (local.get $r)))           ;; own cell: any ordering would do
    (if (i32.gt_s (i32.sub (local.get $t) (i32.load offset=132 (local.get $r))) (i32.load offset=4 (local.get $r)))
      (then
        (i32.store offset=132 (local.get $r) (i32.atomic.load offset=256 (local.get $r)))   ;; acquire: pairs with the consumer's release
        (if (i32.gt_s (i32.sub (local.get $t) (i32.load offset=132 (local.get $r))) (i32.load offset=4 (local.get $r)))
          (then (return (i32.const -3))))))
    (i32.store offset=384
      (i32.add (local.get $r) (i32.shl (i32.and (local.get $t) (i32.load offset=4 (local.get $r))) (i32.const 2)))
      (local.get $value))
    (i32.atomic.store offset=128 (local.get $r) (i32.add (local.get $t) (i32.const 1)))   ;; publish (release)
    (i32.const 0))

  ;; Consumer only. A value, or EMPTY.
  (func (export "indicesPop") (param $r i32) (result i32)
    (local $h i32) (local $v i32)
    (local.set $h (i32.atomic.load offset=256 (local.get $r)))
    (if (i32.eq (local.get $h) (i32.load offset=260 (local.get $r)))
      (then
        (i32.store offset=260 (local.get $r) (i32.atomic.load offset=128 (local.get $r)))   ;; acquire: pairs with publish
        (if (i32.eq (local.get $h) (i32.load offset=260 (local.get $r))) (then (return (i32.const -1))))))
    (local.set $v (i32.load offset=384
      (i32.add (local.get $r) (i32.shl (i32.and (local.get $h) (i32.load offset=4 (local.get $r))) (i32.const 2)))))
    (i32.atomic.store offset=256 (local.get $r) (i32.add (local.get $h) (i32.const 1)))   ;; release the cell
    (local.get $v))
