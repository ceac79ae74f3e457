;; Completion ring: any number of producers (workers), one consumer (the thread that submitted the requests).
;;   byte  name      written by        read by     meaning
;;      0  IDENTITY  create            attach      0x4c5204vv
;;      4  MASK      create            all         capacity - 1; a power of two
;;    128  TAIL      producers, add    consumer    next ticket to write (free-running)
;;    256  HEAD      consumer          consumer    (plain) next ticket to read (free-running)
;;    384  cell 0..  ticket holder     consumer    i64: TURN << 32 | value; TURN = ticket + 1 of the last write
;; C1  At most `capacity` values are between a push and their pop. The caller guarantees it (a slot completes once and
;;     there are four cells for each slot: one for a part of its response and one for a part of its body, each popped before the next of its kind, one for a word once), so that a push needs no look at HEAD, no loop, and cannot be FULL. Where that does
;;     not hold, mpmc is the ring to take.
;; C2  The cell of ticket t is written once, by the producer that took t, and read once.
;; C3  Values come out in the order of the tickets: those of one producer in the order in which it pushed them.
;; Progress: push is wait-free (one add, one store); pop is wait-free and writes one plain cell. A producer that stops between its
;; two steps hides later completions until it goes on (RETRY); by (T) a killed worker cannot stop there.
;; Rejected: cells that the consumer clears (a locked store in each pop, which TURN makes needless); the CAS loop and the
;; look for FULL of mpmc, which pay for what cannot happen here.

  (func (export "completionPush") (param $r i32) (param $value i32)
    (local $t i32)
    (local.set $t (i32.atomic.rmw.add offset=128 (local.get $r) (i32.const 1)))   ;; claim a ticket
    (i64.atomic.store offset=384                                          ;; publish (release)
      (i32.add (local.get $r) (i32.shl (i32.and (local.get $t) (i32.load offset=4 (local.get $r))) (i32.const 3)))
      (i64.or
        (i64.shl (i64.extend_i32_u (i32.add (local.get $t) (i32.const 1))) (i64.const 32))
        (i64.extend_i32_u (local.get $value)))))

  ;; Moves the state at $state from $expected to $next and, if that was the state, pushes: one holder completes a
  ;; request, once, even when the supervisor and a worker race for it. 1 if it was this caller.
  (func (export "completionFinish") (param $r i32) (param $value i32) (param $state i32) (param $expected i32) (param $next i32) (result i32)
    (local $t i32)
    (if (i32.ne (i32.atomic.rmw.cmpxchg (local.get $state) (local.get $expected) (local.get $next)) (local.get $expected))
      (then (return (i32.const 0))))
    (local.set $t (i32.atomic.rmw.add offset=128 (local.get $r) (i32.const 1)))
    (i64.atomic.store offset=384
      (i32.add (local.get $r) (i32.shl (i32.and (local.get $t) (i32.load offset=4 (local.get $r))) (i32.const 3)))
      (i64.or
        (i64.shl (i64.extend_i32_u (i32.add (local.get $t) (i32.const 1))) (i64.const 32))
        (i64.extend_i32_u (local.get $value))))
    (i32.const 1))

  ;; Consumer only. A value, EMPTY, or RETRY: the next one is on its way.
  (func (export "completionPop") (param $r i32) (result i32)
    (local $h i32) (local $cell i64)
    (local.set $h (i32.load offset=256 (local.get $r)))
    (local.set $cell (i64.atomic.load offset=384                          ;; observe (acquire): pairs with publish
      (i32.add (local.get $r) (i32.shl (i32.and (local.get $h) (i32.load offset=4 (local.get $r))) (i32.const 3)))))
    (if (i32.ne (i32.wrap_i64 (i64.shr_u (local.get $cell) (i64.const 32))) (i32.add (local.get $h) (i32.const 1)))
      (then
        (return
          (select (i32.const -1) (i32.const -2)
            (i32.eq (i32.atomic.load offset=128 (local.get $r)) (local.get $h))))))
    (i32.store offset=256 (local.get $r) (i32.add (local.get $h) (i32.const 1)))
    (i32.wrap_i64 (local.get $cell)))

  ;; completionPop that stores $mark at $states + value * $stride in one breath with the step of HEAD (T).
  (func (export "completionPopMark") (param $r i32) (param $states i32) (param $stride i32) (param $mark i32) (result i32)
    (local $h i32) (local $cell i64)
    (local.set $h (i32.load offset=256 (local.get $r)))
    (local.set $cell (i64.atomic.load offset=384
      (i32.add (local.get $r) (i32.shl (i32.and (local.get $h) (i32.load offset=4 (local.get $r))) (i32.const 3)))))
    (if (i32.ne (i32.wrap_i64 (i64.shr_u (local.get $cell) (i64.const 32))) (i32.add (local.get $h) (i32.const 1)))
      (then
        (return
          (select (i32.const -1) (i32.const -2)
            (i32.eq (i32.atomic.load offset=128 (local.get $r)) (local.get $h))))))
    (i32.store offset=256 (local.get $r) (i32.add (local.get $h) (i32.const 1)))
    (i32.atomic.store
      (i32.add (local.get $states) (i32.mul (i32.wrap_i64 (local.get $cell)) (local.get $stride)))
      (local.get $mark))
    (i32.wrap_i64 (local.get $cell)))

  ;; Any thread. 1 if there is a value to take, or one on its way; may be old on return.
  (func (export "completionReady") (param $r i32) (result i32)
    (i32.ne (i32.atomic.load offset=128 (local.get $r)) (i32.load offset=256 (local.get $r))))
