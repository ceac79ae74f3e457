;; Bounded ring of indices for any number of producers and consumers.
;;   byte  name       written by           read by     meaning
;;      0  IDENTITY   create               attach      0x4c5202vv
;;      4  MASK       create               all         capacity - 1; the capacity is a power of two
;;      8  SPINS      create               consumers   further looks at a cell that is not written before TAIL is looked at
;;    128  TAIL       producers, CAS       all         next ticket to write (free-running)
;;    132  HEAD_SEEN  producers, CAS       producers   a HEAD that some producer has read: never ahead of HEAD
;;    256  HEAD       consumers, CAS       all         next ticket to read (free-running)
;;    384  cell 0..   ticket holder        consumers   i64: TURN << 32 | value; TURN = ticket + 1 of the last write
;; M1  0 <= TAIL - HEAD <= capacity, as a signed difference; HEAD_SEEN <= HEAD.
;; M2  The cell of ticket t is written once, by the producer that moved TAIL past t, and not overwritten before HEAD has passed
;;     t: a producer claims t + capacity only when HEAD_SEEN > t.
;; M3  A value is handed out exactly once, in the order of the tickets: to the consumer whose CAS moves HEAD past it. TURN and
;;     value are one atomic word, so a consumer needs no second look at the cell, and it writes nothing but HEAD.
;; Progress: lock-free between operations. A producer stopped between claim and publish hides later values; mpmcPop then
;; says RETRY, not EMPTY, and by (T) a killed worker cannot stop there.
;; After D. Vyukov, "Bounded MPMC queue", whose consumers also write each cell to hand it back. Producers here look at HEAD
;; instead, through a copy on their own line that is refreshed once a lap, and a pair costs 3 locked instructions and not 4 (in time the two are within noise).
;; HEAD_SEEN moves by CAS and not by a store: a producer that slept for half of the counters' range could set it back by so
;; much that a full ring looked empty. Rejected: a look at HEAD itself in each push (a miss for each pop before it).
;; A consumer that finds nothing has to look at TAIL to tell EMPTY from a push that is not finished, which Vyukov's does not tell apart; each such
;; look takes the line from the producers. So it looks at the cell SPINS times more first, where the next value will appear.

  ;; 0, or FULL.
  (func (export "mpmcPush") (param $r i32) (param $value i32) (result i32)
    (local $t i32) (local $mask i32) (local $seen i32) (local $head i32)
    (local.set $mask (i32.load offset=4 (local.get $r)))
    (loop $again
      (local.set $t (i32.atomic.load offset=128 (local.get $r)))
      (local.set $seen (i32.atomic.load offset=132 (local.get $r)))
      (if (i32.gt_s (i32.sub (local.get $t) (local.get $seen)) (local.get $mask))
        (then
          (local.set $head (i32.atomic.load offset=256 (local.get $r)))    ;; acquire: pairs with the consumers' CAS (M2)
          (if (i32.gt_s (i32.sub (local.get $t) (local.get $head)) (local.get $mask)) (then (return (i32.const -3))))
          (drop (i32.atomic.rmw.cmpxchg offset=132 (local.get $r) (local.get $seen) (local.get $head)))))
      (br_if $again
        (i32.ne (local.get $t)
          (i32.atomic.rmw.cmpxchg offset=128 (local.get $r) (local.get $t) (i32.add (local.get $t) (i32.const 1))))))  ;; claim
    (i64.atomic.store offset=384                                          ;; publish (release)
      (i32.add (local.get $r) (i32.shl (i32.and (local.get $t) (local.get $mask)) (i32.const 3)))
      (i64.or
        (i64.shl (i64.extend_i32_u (i32.add (local.get $t) (i32.const 1))) (i64.const 32))
        (i64.extend_i32_u (local.get $value))))
    (i32.const 0))

  ;; A value, EMPTY, or RETRY: the next value is claimed by a producer that has not published it yet.
  (func (export "mpmcPop") (param $r i32) (result i32)
    (local $h i32) (local $cell i64) (local $spins i32)
    (local.set $spins (i32.load offset=8 (local.get $r)))
    (loop $again
      (local.set $h (i32.atomic.load offset=256 (local.get $r)))
      (local.set $cell (i64.atomic.load offset=384                        ;; observe (acquire): pairs with publish
        (i32.add (local.get $r) (i32.shl (i32.and (local.get $h) (i32.load offset=4 (local.get $r))) (i32.const 3)))))
      (if (i32.ne (i32.wrap_i64 (i64.shr_u (local.get $cell) (i64.const 32))) (i32.add (local.get $h) (i32.const 1)))
        (then
          (br_if $again (i32.ge_s (local.tee $spins (i32.sub (local.get $spins) (i32.const 1))) (i32.const 0)))
          ;; HEAD never passes TAIL, so equal means that HEAD was still $h, and the ring empty, when TAIL was read.
          (if (i32.eq (i32.atomic.load offset=128 (local.get $r)) (local.get $h)) (then (return (i32.const -1))))
          (br_if $again (i32.ne (i32.atomic.load offset=256 (local.get $r)) (local.get $h)))   ;; $h was stale
          (return (i32.const -2))))
      (br_if $again
        (i32.ne (local.get $h)
          (i32.atomic.rmw.cmpxchg offset=256 (local.get $r) (local.get $h) (i32.add (local.get $h) (i32.const 1))))))  ;; claim
    (i32.wrap_i64 (local.get $cell)))

  ;; Pushes the $n values at $from, in order and up to 8 with one claim; others' values may come between two claims. How many, or
  ;; FULL when there was room for none. The eight stores are written out: a loop between claim and publish would break (T).
  (func (export "mpmcPushMany") (param $r i32) (param $from i32) (param $n i32) (result i32)
    (local $t i32) (local $mask i32) (local $seen i32) (local $head i32) (local $room i32) (local $k i32) (local $done i32)
    (local.set $mask (i32.load offset=4 (local.get $r)))
    (loop $again
      (if (i32.ge_u (local.get $done) (local.get $n)) (then (return (local.get $done))))
      (local.set $k (i32.sub (local.get $n) (local.get $done)))
      (if (i32.gt_u (local.get $k) (i32.const 8)) (then (local.set $k (i32.const 8))))
      (local.set $t (i32.atomic.load offset=128 (local.get $r)))
      (local.set $seen (i32.atomic.load offset=132 (local.get $r)))
      (if (i32.gt_s (i32.sub (i32.add (local.get $t) (local.get $k)) (local.get $seen)) (i32.add (local.get $mask) (i32.const 1)))
        (then
          (local.set $head (i32.atomic.load offset=256 (local.get $r)))
          (drop (i32.atomic.rmw.cmpxchg offset=132 (local.get $r) (local.get $seen) (local.get $head)))
          (local.set $room (i32.sub (i32.add (local.get $mask) (i32.const 1)) (i32.sub (local.get $t) (local.get $head))))
          (if (i32.le_s (local.get $room) (i32.const 0))
            (then (return (select (local.get $done) (i32.const -3) (local.get $done)))))
          (if (i32.gt_u (local.get $k) (local.get $room)) (then (local.set $k (local.get $room))))))
      (br_if $again
        (i32.ne (local.get $t)
          (i32.atomic.rmw.cmpxchg offset=128 (local.get $r) (local.get $t) (i32.add (local.get $t) (local.get $k)))))
      (if (i32.gt_u (local.get $k) (i32.const 0))
        (then
          (i64.atomic.store offset=384
            (i32.add (local.get $r) (i32.shl (i32.and (local.get $t) (local.get $mask)) (i32.const 3)))
            (i64.or (i64.shl (i64.extend_i32_u (i32.add (local.get $t) (i32.const 1))) (i64.const 32)) (i64.load32_u (local.get $from))))))
      (if (i32.gt_u (local.get $k) (i32.const 1))
        (then
          (i64.atomic.store offset=384
            (i32.add (local.get $r) (i32.shl (i32.and (i32.add (local.get $t) (i32.const 1)) (local.get $mask)) (i32.const 3)))
            (i64.or (i64.shl (i64.extend_i32_u (i32.add (local.get $t) (i32.const 2))) (i64.const 32)) (i64.load32_u offset=4 (local.get $from))))))
      (if (i32.gt_u (local.get $k) (i32.const 2))
        (then
          (i64.atomic.store offset=384
            (i32.add (local.get $r) (i32.shl (i32.and (i32.add (local.get $t) (i32.const 2)) (local.get $mask)) (i32.const 3)))
            (i64.or (i64.shl (i64.extend_i32_u (i32.add (local.get $t) (i32.const 3))) (i64.const 32)) (i64.load32_u offset=8 (local.get $from))))))
      (if (i32.gt_u (local.get $k) (i32.const 3))
        (then
          (i64.atomic.store offset=384
            (i32.add (local.get $r) (i32.shl (i32.and (i32.add (local.get $t) (i32.const 3)) (local.get $mask)) (i32.const 3)))
            (i64.or (i64.shl (i64.extend_i32_u (i32.add (local.get $t) (i32.const 4))) (i64.const 32)) (i64.load32_u offset=12 (local.get $from))))))
      (if (i32.gt_u (local.get $k) (i32.const 4))
        (then
          (i64.atomic.store offset=384
            (i32.add (local.get $r) (i32.shl (i32.and (i32.add (local.get $t) (i32.const 4)) (local.get $mask)) (i32.const 3)))
            (i64.or (i64.shl (i64.extend_i32_u (i32.add (local.get $t) (i32.const 5))) (i64.const 32)) (i64.load32_u offset=16 (local.get $from))))))
      (if (i32.gt_u (local.get $k) (i32.const 5))
        (then
          (i64.atomic.store offset=384
            (i32.add (local.get $r) (i32.shl (i32.and (i32.add (local.get $t) (i32.const 5)) (local.get $mask)) (i32.const 3)))
            (i64.or (i64.shl (i64.extend_i32_u (i32.add (local.get $t) (i32.const 6))) (i64.const 32)) (i64.load32_u offset=20 (local.get $from))))))
      (if (i32.gt_u (local.get $k) (i32.const 6))
        (then
          (i64.atomic.store offset=384
            (i32.add (local.get $r) (i32.shl (i32.and (i32.add (local.get $t) (i32.const 6)) (local.get $mask)) (i32.const 3)))
            (i64.or (i64.shl (i64.extend_i32_u (i32.add (local.get $t) (i32.const 7))) (i64.const 32)) (i64.load32_u offset=24 (local.get $from))))))
      (if (i32.gt_u (local.get $k) (i32.const 7))
        (then
          (i64.atomic.store offset=384
            (i32.add (local.get $r) (i32.shl (i32.and (i32.add (local.get $t) (i32.const 7)) (local.get $mask)) (i32.const 3)))
            (i64.or (i64.shl (i64.extend_i32_u (i32.add (local.get $t) (i32.const 8))) (i64.const 32)) (i64.load32_u offset=28 (local.get $from))))))
      (local.set $from (i32.add (local.get $from) (i32.shl (local.get $k) (i32.const 2))))
      (local.set $done (i32.add (local.get $done) (local.get $k)))
      (br $again))
    (unreachable))

  ;; Takes the next values that are published, at most $max, into $batch with one claim. How many, EMPTY or RETRY as in mpmcPop;
  ;; the batch's COUNT is 0 unless they are the caller's (T).
  (func (export "mpmcPopMany") (param $r i32) (param $batch i32) (param $max i32) (result i32)
    (local $h i32) (local $cell i64) (local $n i32) (local $spins i32)
    (local.set $spins (i32.load offset=8 (local.get $r)))
    (i32.store (local.get $batch) (i32.const 0))
    (loop $again
      (local.set $h (i32.atomic.load offset=256 (local.get $r)))
      (local.set $n (i32.const 0))
      (block $copied                                                      ;; before the claim: void when it fails (M2, T)
        (loop $copy
          (br_if $copied (i32.ge_u (local.get $n) (local.get $max)))
          (local.set $cell (i64.atomic.load offset=384
            (i32.add (local.get $r)
              (i32.shl (i32.and (i32.add (local.get $h) (local.get $n)) (i32.load offset=4 (local.get $r))) (i32.const 3)))))
          (br_if $copied
            (i32.ne
              (i32.wrap_i64 (i64.shr_u (local.get $cell) (i64.const 32)))
              (i32.add (i32.add (local.get $h) (local.get $n)) (i32.const 1))))
          (i64.store32 offset=4 (i32.add (local.get $batch) (i32.shl (local.get $n) (i32.const 2))) (local.get $cell))
          (local.set $n (i32.add (local.get $n) (i32.const 1)))
          (br $copy)))
      (if (i32.eqz (local.get $n))
        (then
          (if (i32.eqz (local.get $max)) (then (return (i32.const 0))))
          (br_if $again (i32.ge_s (local.tee $spins (i32.sub (local.get $spins) (i32.const 1))) (i32.const 0)))
          (if (i32.eq (i32.atomic.load offset=128 (local.get $r)) (local.get $h)) (then (return (i32.const -1))))
          (br_if $again (i32.ne (i32.atomic.load offset=256 (local.get $r)) (local.get $h)))
          (return (i32.const -2))))
      (br_if $again
        (i32.ne (local.get $h)
          (i32.atomic.rmw.cmpxchg offset=256 (local.get $r) (local.get $h) (i32.add (local.get $h) (local.get $n))))))
    (i32.store (local.get $batch) (local.get $n))
    (local.get $n))

  ;; Any thread. How many values wait or are being written: a hint, since it may be old on return; never negative.
  (func (export "mpmcSize") (param $r i32) (result i32)
    (local $n i32)
    (local.set $n (i32.atomic.load offset=256 (local.get $r)))
    (local.set $n (i32.sub (i32.atomic.load offset=128 (local.get $r)) (local.get $n)))
    (select (local.get $n) (i32.const 0) (i32.gt_s (local.get $n) (i32.const 0))))
