;; D. Vyukov's bounded MPMC queue as he published it: what mpmc.wat is compared with, not part of the module (ablations.ts).
;;   byte  name       written by        read by     meaning
;;      4  MASK       create            all         capacity - 1
;;    128  TAIL       producers, CAS    producers   next ticket to write (free-running)
;;    256  HEAD       consumers, CAS    consumers   next ticket to read (free-running)
;;    384  cell 0..   ticket holder     all         SEQUENCE, VALUE (plain); SEQUENCE = ticket: to be written, ticket + 1: to be read
;; The consumer hands the cell back by a second locked store, where ours only moves HEAD: 4 locked instructions a pair, not 3.

  ;; 0, or FULL (also while the consumer of the cell has not handed it back).
  (func (export "vyukovPush") (param $r i32) (param $value i32) (result i32)
    (local $t i32) (local $cell i32) (local $lag i32)
    (loop $again
      (local.set $t (i32.atomic.load offset=128 (local.get $r)))
      (local.set $cell
        (i32.add (local.get $r) (i32.shl (i32.and (local.get $t) (i32.load offset=4 (local.get $r))) (i32.const 3))))
      (local.set $lag (i32.sub (i32.atomic.load offset=384 (local.get $cell)) (local.get $t)))
      (if (i32.lt_s (local.get $lag) (i32.const 0)) (then (return (i32.const -3))))
      (br_if $again (i32.ne (local.get $lag) (i32.const 0)))
      (br_if $again
        (i32.ne (local.get $t)
          (i32.atomic.rmw.cmpxchg offset=128 (local.get $r) (local.get $t) (i32.add (local.get $t) (i32.const 1))))))
    (i32.store offset=388 (local.get $cell) (local.get $value))
    (i32.atomic.store offset=384 (local.get $cell) (i32.add (local.get $t) (i32.const 1)))
    (i32.const 0))

  ;; A value, or EMPTY (also while the producer of the cell has not published it).
  (func (export "vyukovPop") (param $r i32) (result i32)
    (local $h i32) (local $cell i32) (local $lag i32) (local $value i32)
    (loop $again
      (local.set $h (i32.atomic.load offset=256 (local.get $r)))
      (local.set $cell
        (i32.add (local.get $r) (i32.shl (i32.and (local.get $h) (i32.load offset=4 (local.get $r))) (i32.const 3))))
      (local.set $lag
        (i32.sub (i32.atomic.load offset=384 (local.get $cell)) (i32.add (local.get $h) (i32.const 1))))
      (if (i32.lt_s (local.get $lag) (i32.const 0)) (then (return (i32.const -1))))
      (br_if $again (i32.ne (local.get $lag) (i32.const 0)))
      (br_if $again
        (i32.ne (local.get $h)
          (i32.atomic.rmw.cmpxchg offset=256 (local.get $r) (local.get $h) (i32.add (local.get $h) (i32.const 1))))))
    (local.set $value (i32.load offset=388 (local.get $cell)))
    (i32.atomic.store offset=384 (local.get $cell) (i32.add (i32.add (local.get $h) (i32.load offset=4 (local.get $r))) (i32.const 1)))
    (local.get $value))
