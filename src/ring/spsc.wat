;; Bounded ring of indices for one producer and one consumer.
;;   byte  name       written by   read by     meaning
;;      0  IDENTITY   create       attach      0x4c5203vv
;;      4  MASK       create       all         capacity - 1; the capacity is a power of two
;;    128  TAIL       producer     producer    (plain) next to write (free-running); to others a hint
;;    132  HEAD_SEEN  producer     producer    (plain) the HEAD that it read last
;;    256  HEAD       consumer     all         next to read (free-running)
;;    384  cell 0..   producer     consumer    i64: TURN << 32 | value; TURN = index + 1 of the last write
;; S1  0 <= TAIL - HEAD <= capacity; HEAD_SEEN <= HEAD, as signed differences.
;; S2  cell[i] belongs to the consumer while HEAD <= i < TAIL, to the producer otherwise.
;; S3  Values come out in the order in which they went in, each once: the consumer reads cell[HEAD] first and goes on as long as the
;;     turns fit.
;; S4  A batch is published by its first cell: the others are written before it, plainly, and no consumer looks at one of them before
;;     it has seen the first. So these cells alone are written both ways, and a batch costs one locked instruction.
;; Progress: wait-free. The producer reads the consumer's line when HEAD_SEEN says full, once a lap under load; the consumer never
;; reads the producer's: it learns from the cell itself that it is there. So where the consumer keeps up, one line moves between the cores
;; for a value, and not two: 2.3-3.9 times the rate of the ring with a copy of TAIL on the consumer's side (`bench -- ring`, spsc_indices).
;; After L. Lamport, "Specifying Concurrent Program Modules" (1983); the cell as the signal after J. Giacomoni et al., "FastForward"
;; (PPoPP 2008), the copy of HEAD after E. Rigtorp's SPSCQueue.

  ;; Producer only. 0, or FULL.
  (func (export "spscPush") (param $r i32) (param $value i32) (result i32)
    (local $t i32)
    (local.set $t (i32.load offset=128 (local.get $r)))
    (if (i32.gt_s (i32.sub (local.get $t) (i32.load offset=132 (local.get $r))) (i32.load offset=4 (local.get $r)))
      (then
        (i32.store offset=132 (local.get $r) (i32.atomic.load offset=256 (local.get $r)))   ;; acquire: pairs with the consumer's release
        (if (i32.gt_s (i32.sub (local.get $t) (i32.load offset=132 (local.get $r))) (i32.load offset=4 (local.get $r)))
          (then (return (i32.const -3))))))
    (i64.atomic.store offset=384                                          ;; publish (release)
      (i32.add (local.get $r) (i32.shl (i32.and (local.get $t) (i32.load offset=4 (local.get $r))) (i32.const 3)))
      (i64.or
        (i64.shl (i64.extend_i32_u (i32.add (local.get $t) (i32.const 1))) (i64.const 32))
        (i64.extend_i32_u (local.get $value))))
    (i32.store offset=128 (local.get $r) (i32.add (local.get $t) (i32.const 1)))
    (i32.const 0))

  ;; Consumer only. A value, or EMPTY.
  (func (export "spscPop") (param $r i32) (result i32)
    (local $h i32) (local $cell i64)
    (local.set $h (i32.atomic.load offset=256 (local.get $r)))           ;; own cell: any ordering would do
    (local.set $cell (i64.atomic.load offset=384                          ;; observe (acquire): pairs with publish
      (i32.add (local.get $r) (i32.shl (i32.and (local.get $h) (i32.load offset=4 (local.get $r))) (i32.const 3)))))
    (if (i32.ne (i32.wrap_i64 (i64.shr_u (local.get $cell) (i64.const 32))) (i32.add (local.get $h) (i32.const 1)))
      (then (return (i32.const -1))))
    (i32.atomic.store offset=256 (local.get $r) (i32.add (local.get $h) (i32.const 1)))   ;; release the cell
    (i32.wrap_i64 (local.get $cell)))

  ;; Consumer only. 1 if a value waits: seq-cst, so that it may stand between sleepBegin and sleepWait (lot.wat, P1).
  (func (export "spscReady") (param $r i32) (result i32)
    (local $h i32)
    (local.set $h (i32.atomic.load offset=256 (local.get $r)))
    (i32.eq
      (i32.wrap_i64
        (i64.shr_u
          (i64.atomic.load offset=384
            (i32.add (local.get $r) (i32.shl (i32.and (local.get $h) (i32.load offset=4 (local.get $r))) (i32.const 3))))
          (i64.const 32)))
      (i32.add (local.get $h) (i32.const 1))))

  ;; Producer only. Pushes as many of the $n values at $from as there is room for. How many, or FULL.
  (func (export "spscPushMany") (param $r i32) (param $from i32) (param $n i32) (result i32)
    (local $t i32) (local $mask i32) (local $room i32) (local $i i32)
    (if (i32.eqz (local.get $n)) (then (return (i32.const 0))))
    (local.set $mask (i32.load offset=4 (local.get $r)))
    (local.set $t (i32.load offset=128 (local.get $r)))
    (local.set $room (i32.sub (i32.add (local.get $mask) (i32.const 1)) (i32.sub (local.get $t) (i32.load offset=132 (local.get $r)))))
    (if (i32.lt_u (local.get $room) (local.get $n))
      (then
        (i32.store offset=132 (local.get $r) (i32.atomic.load offset=256 (local.get $r)))
        (local.set $room (i32.sub (i32.add (local.get $mask) (i32.const 1)) (i32.sub (local.get $t) (i32.load offset=132 (local.get $r)))))
        (if (i32.eqz (local.get $room)) (then (return (i32.const -3))))
        (if (i32.lt_u (local.get $room) (local.get $n)) (then (local.set $n (local.get $room))))))
    (local.set $i (i32.const 1))
    (block $copied                                                        ;; all but the first, unseen until it is there (S4)
      (loop $copy
        (br_if $copied (i32.ge_u (local.get $i) (local.get $n)))
        (i64.store offset=384
          (i32.add (local.get $r) (i32.shl (i32.and (i32.add (local.get $t) (local.get $i)) (local.get $mask)) (i32.const 3)))
          (i64.or
            (i64.shl (i64.extend_i32_u (i32.add (i32.add (local.get $t) (local.get $i)) (i32.const 1))) (i64.const 32))
            (i64.load32_u (i32.add (local.get $from) (i32.shl (local.get $i) (i32.const 2))))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $copy)))
    (i64.atomic.store offset=384                                          ;; publish them all
      (i32.add (local.get $r) (i32.shl (i32.and (local.get $t) (local.get $mask)) (i32.const 3)))
      (i64.or
        (i64.shl (i64.extend_i32_u (i32.add (local.get $t) (i32.const 1))) (i64.const 32))
        (i64.load32_u (local.get $from))))
    (i32.store offset=128 (local.get $r) (i32.add (local.get $t) (local.get $n)))
    (local.get $n))

  ;; Consumer only. Takes up to $max values into $batch, with one release. How many, or EMPTY.
  (func (export "spscPopMany") (param $r i32) (param $batch i32) (param $max i32) (result i32)
    (local $h i32) (local $mask i32) (local $n i32) (local $cell i64)
    (i32.store (local.get $batch) (i32.const 0))
    (if (i32.eqz (local.get $max)) (then (return (i32.const 0))))
    (local.set $mask (i32.load offset=4 (local.get $r)))
    (local.set $h (i32.atomic.load offset=256 (local.get $r)))
    (block $copied
      (loop $copy
        (local.set $cell (i64.atomic.load offset=384                      ;; observe (acquire); in order (S3)
          (i32.add (local.get $r) (i32.shl (i32.and (i32.add (local.get $h) (local.get $n)) (local.get $mask)) (i32.const 3)))))
        (br_if $copied
          (i32.ne
            (i32.wrap_i64 (i64.shr_u (local.get $cell) (i64.const 32)))
            (i32.add (i32.add (local.get $h) (local.get $n)) (i32.const 1))))
        (i64.store32 offset=4 (i32.add (local.get $batch) (i32.shl (local.get $n) (i32.const 2))) (local.get $cell))
        (br_if $copy (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (local.get $max)))))
    (if (i32.eqz (local.get $n)) (then (return (i32.const -1))))
    (i32.atomic.store offset=256 (local.get $r) (i32.add (local.get $h) (local.get $n)))   ;; release their cells
    (i32.store (local.get $batch) (local.get $n))
    (local.get $n))

  ;; Any thread. How many values wait: a hint, since it may be old on return; never negative.
  (func (export "spscSize") (param $r i32) (result i32)
    (local $n i32)
    (local.set $n (i32.atomic.load offset=256 (local.get $r)))
    (local.set $n (i32.sub (i32.load offset=128 (local.get $r)) (local.get $n)))
    (select (local.get $n) (i32.const 0) (i32.gt_s (local.get $n) (i32.const 0))))
