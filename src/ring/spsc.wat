;; Bounded ring of indices for one producer and one consumer, each with its own copy of the other's counter.
;;   byte  name       written by   read by     meaning
;;      0  IDENTITY   create       attach      0x4c5203vv
;;      4  MASK       create       all         capacity - 1; the capacity is a power of two
;;    128  TAIL       producer     all         next to write (free-running)
;;    132  HEAD_SEEN  producer     producer    (plain) the HEAD that it read last
;;    256  HEAD       consumer     all         next to read (free-running)
;;    260  TAIL_SEEN  consumer     consumer    (plain) the TAIL that it read last
;;    384  cell 0..   producer     consumer    (plain) 4 bytes each: the value
;; S1  0 <= TAIL - HEAD <= capacity; HEAD_SEEN <= HEAD and TAIL_SEEN <= TAIL, all as signed differences.
;; S2  cell[i] belongs to the consumer while HEAD <= i < TAIL, to the producer otherwise.
;; S3  Values come out in the order in which they went in, each once.
;; Progress: wait-free. The other side's line is read only when the copy says full or empty: once a lap under load.
;; After L. Lamport, "Specifying Concurrent Program Modules" (1983); the copies after J. Giacomoni et al., "FastForward"
;; (PPoPP 2008) and E. Rigtorp's SPSCQueue. The ablation without copies, and the one without padding, run in `bench -- ring`.

  ;; Producer only. 0, or FULL.
  (func (export "spscPush") (param $r i32) (param $value i32) (result i32)
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
  (func (export "spscPop") (param $r i32) (result i32)
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

  ;; Producer only. Pushes as many of the $n values at $from as there is room for, with one publish. How many, or FULL.
  (func (export "spscPushMany") (param $r i32) (param $from i32) (param $n i32) (result i32)
    (local $t i32) (local $mask i32) (local $room i32) (local $end i32)
    (if (i32.eqz (local.get $n)) (then (return (i32.const 0))))
    (local.set $mask (i32.load offset=4 (local.get $r)))
    (local.set $t (i32.atomic.load offset=128 (local.get $r)))
    (local.set $room (i32.sub (i32.add (local.get $mask) (i32.const 1)) (i32.sub (local.get $t) (i32.load offset=132 (local.get $r)))))
    (if (i32.lt_u (local.get $room) (local.get $n))
      (then
        (i32.store offset=132 (local.get $r) (i32.atomic.load offset=256 (local.get $r)))
        (local.set $room (i32.sub (i32.add (local.get $mask) (i32.const 1)) (i32.sub (local.get $t) (i32.load offset=132 (local.get $r)))))
        (if (i32.eqz (local.get $room)) (then (return (i32.const -3))))
        (if (i32.lt_u (local.get $room) (local.get $n)) (then (local.set $n (local.get $room))))))
    (local.set $end (i32.add (local.get $t) (local.get $n)))
    (loop $copy
      (i32.store offset=384
        (i32.add (local.get $r) (i32.shl (i32.and (local.get $t) (local.get $mask)) (i32.const 2)))
        (i32.load (local.get $from)))
      (local.set $from (i32.add (local.get $from) (i32.const 4)))
      (br_if $copy (i32.ne (local.tee $t (i32.add (local.get $t) (i32.const 1))) (local.get $end))))
    (i32.atomic.store offset=128 (local.get $r) (local.get $end))        ;; publish them all
    (local.get $n))

  ;; Consumer only. Takes up to $max values into $batch, with one release. How many, or EMPTY.
  (func (export "spscPopMany") (param $r i32) (param $batch i32) (param $max i32) (result i32)
    (local $h i32) (local $mask i32) (local $n i32) (local $end i32) (local $to i32)
    (i32.store (local.get $batch) (i32.const 0))
    (if (i32.eqz (local.get $max)) (then (return (i32.const 0))))
    (local.set $mask (i32.load offset=4 (local.get $r)))
    (local.set $h (i32.atomic.load offset=256 (local.get $r)))
    (local.set $n (i32.sub (i32.load offset=260 (local.get $r)) (local.get $h)))
    (if (i32.lt_u (local.get $n) (local.get $max))
      (then
        (i32.store offset=260 (local.get $r) (i32.atomic.load offset=128 (local.get $r)))
        (local.set $n (i32.sub (i32.load offset=260 (local.get $r)) (local.get $h)))
        (if (i32.eqz (local.get $n)) (then (return (i32.const -1))))))
    (if (i32.gt_u (local.get $n) (local.get $max)) (then (local.set $n (local.get $max))))
    (local.set $end (i32.add (local.get $h) (local.get $n)))
    (local.set $to (local.get $batch))
    (loop $copy
      (i32.store offset=4 (local.get $to)
        (i32.load offset=384 (i32.add (local.get $r) (i32.shl (i32.and (local.get $h) (local.get $mask)) (i32.const 2)))))
      (local.set $to (i32.add (local.get $to) (i32.const 4)))
      (br_if $copy (i32.ne (local.tee $h (i32.add (local.get $h) (i32.const 1))) (local.get $end))))
    (i32.atomic.store offset=256 (local.get $r) (local.get $end))        ;; release their cells
    (i32.store (local.get $batch) (local.get $n))
    (local.get $n))

  ;; Any thread. How many values wait: a hint, since it may be old on return; never negative.
  (func (export "spscSize") (param $r i32) (result i32)
    (local $n i32)
    (local.set $n (i32.atomic.load offset=256 (local.get $r)))
    (local.set $n (i32.sub (i32.atomic.load offset=128 (local.get $r)) (local.get $n)))
    (select (local.get $n) (i32.const 0) (i32.gt_s (local.get $n) (i32.const 0))))
