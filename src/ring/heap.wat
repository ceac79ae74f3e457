;; Array heap of indices under a short lock: the least 64-bit key (a deadline, say) first, equal keys in the order of their pushes.
;;   byte  name      written by     read by    meaning
;;      0  IDENTITY  create         attach     0x4c5206vv
;;      4  CAPACITY  create         all        entries that there is room for
;;      8  VALUES    create         all        values are 0 .. VALUES - 1, each in the heap at most once
;;     12  SPINS     create         all        further looks at a held LOCK before the answer is RETRY
;;     16  ENTRIES   create         all        bytes from the heap's address to entry 0: 48 behind a multiple of 64, so that the
;;                                             four children of an entry share one line
;;    128  LOCK      all, CAS       all        0 = free, otherwise holder + 1
;;    256  MIN       holder         all        i64: the least key; 2^63 - 1 if and only if the heap is empty
;;    264  COUNT     holder         all        entries: to the others a hint, as it changes just before MIN
;;    384  OP        holder         holder     (plain, as all below) 1 = the journal describes an operation under way:
;;    388  HOLE      holder         holder       the entry that ITEM belongs into, as far as it has been moved
;;    392  TARGET    holder         holder       COUNT behind the operation
;;    396  TAKEN     holder         holder       value + 1 that the operation takes out (0 = none)
;;    400  ITEM      holder         holder       an entry, to be written to HOLE if that is below TARGET
;;    416  SEQUENCE  holder         holder     of the next push (free-running)
;;    512  PLACE 0.. holder         holder     4 bytes a value: 1 + the index of its entry (0 = not in the heap)
;;         entry 0.. holder         holder     16 bytes: KEY i64, SEQUENCE, VALUE
;; H1  While LOCK is free: entry[i] is not before entry[(i - 1) / 4]; PLACE and the entries agree; MIN is the key of entry 0; OP = 0.
;; H2  Only who moved LOCK from 0 writes anything but LOCK.
;; H3  At each point where a holder can be killed (T), the journal is whole: heapRecover goes on where it stopped. A push is then done; a
;;     value that was to be taken out is handed to who recovers, unless it carries the dead holder's mark.
;; H4  Two keys that are equal leave in the order of SEQUENCE, as long as fewer than 2^31 pushes lie between them.
;; Progress: heapPeek and heapSize are wait-free. The others never wait either: when LOCK is held for longer than SPINS looks they say
;; RETRY. A holder that the kernel has stopped keeps the rest out; one that has died is the supervisor's to recover.
;; After J. Williams, "Heapsort" (1964), with four children (D. Johnson, 1975): half the levels, a line each.
;; Rejected: a lock-free skip list (several times the cost without contention, and reclamation); sifting only downwards after a
;; removal from the middle (wrong when the last entry is from another branch: the fault in Node, libuv and SLEdge).

  ;; 1 = the lock is the caller's now.
  (func $heapLock (param $h i32) (param $holder i32) (result i32)
    (local $spins i32)
    (local.set $spins (i32.load offset=12 (local.get $h)))
    (loop $again
      (if (i32.eqz (i32.atomic.load offset=128 (local.get $h)))          ;; look before the CAS: it would take the line from the holder
        (then
          (if (i32.eqz (i32.atomic.rmw.cmpxchg offset=128 (local.get $h) (i32.const 0) (i32.add (local.get $holder) (i32.const 1))))
            (then (return (i32.const 1))))))                              ;; claim (acquire): pairs with unlock
      (local.set $spins (i32.sub (local.get $spins) (i32.const 1)))
      (br_if $again (i32.ge_s (local.get $spins) (i32.const 0))))
    (i32.const 0))

  ;; Moves HOLE up to where ITEM belongs, a parent down at a time; copy, PLACE and HOLE in one go (H3). Comparisons and addresses
  ;; are written out: V8 inlines no calls here, and they were a quarter of the time.
  (func $heapUp (param $h i32)
    (local $i i32) (local $to i32) (local $from i32) (local $parent i32)
    (local $entries i32) (local $key i64) (local $sequence i32)
    (local.set $entries (i32.add (local.get $h) (i32.load offset=16 (local.get $h))))
    (local.set $key (i64.load offset=400 (local.get $h)))
    (local.set $sequence (i32.load offset=408 (local.get $h)))
    (local.set $i (i32.load offset=388 (local.get $h)))
    (block $placed
      (loop $up
        (br_if $placed (i32.eqz (local.get $i)))
        (local.set $parent (i32.shr_u (i32.sub (local.get $i) (i32.const 1)) (i32.const 2)))
        (local.set $from (i32.add (local.get $entries) (i32.shl (local.get $parent) (i32.const 4))))
        (br_if $placed
          (i32.eqz (i32.or
              (i64.lt_s (local.get $key) (i64.load (local.get $from)))
              (i32.and
                (i64.eq (local.get $key) (i64.load (local.get $from)))
                (i32.lt_s (i32.sub (local.get $sequence) (i32.load offset=8 (local.get $from))) (i32.const 0))))))
        (local.set $to (i32.add (local.get $entries) (i32.shl (local.get $i) (i32.const 4))))
        (i64.store (local.get $to) (i64.load (local.get $from)))
        (i64.store offset=8 (local.get $to) (i64.load offset=8 (local.get $from)))
        (i32.store offset=512
          (i32.add (local.get $h) (i32.shl (i32.load offset=12 (local.get $from)) (i32.const 2)))
          (i32.add (local.get $i) (i32.const 1)))
        (i32.store offset=388 (local.get $h) (local.tee $i (local.get $parent)))
        (br $up))))

  ;; Moves HOLE down to where ITEM belongs among TARGET entries, the least child up at a time.
  (func $heapDown (param $h i32)
    (local $i i32) (local $n i32) (local $child i32) (local $end i32) (local $least i32) (local $from i32) (local $to i32)
    (local $entries i32) (local $key i64) (local $sequence i32)
    (local.set $entries (i32.add (local.get $h) (i32.load offset=16 (local.get $h))))
    (local.set $key (i64.load offset=400 (local.get $h)))
    (local.set $sequence (i32.load offset=408 (local.get $h)))
    (local.set $i (i32.load offset=388 (local.get $h)))
    (local.set $n (i32.load offset=392 (local.get $h)))
    (block $placed
      (loop $down
        (local.set $child (i32.add (i32.shl (local.get $i) (i32.const 2)) (i32.const 1)))
        (br_if $placed (i32.ge_u (local.get $child) (local.get $n)))
        (local.set $end (i32.add (local.get $child) (i32.const 4)))
        (if (i32.gt_u (local.get $end) (local.get $n)) (then (local.set $end (local.get $n))))
        (local.set $least (local.get $child))
        (local.set $from (i32.add (local.get $entries) (i32.shl (local.get $child) (i32.const 4))))
        (block $chosen
          (loop $next
            (br_if $chosen (i32.ge_u (local.tee $child (i32.add (local.get $child) (i32.const 1))) (local.get $end)))
            (local.set $to (i32.add (local.get $entries) (i32.shl (local.get $child) (i32.const 4))))
            (if (i32.or
                (i64.lt_s (i64.load (local.get $to)) (i64.load (local.get $from)))
                (i32.and
                  (i64.eq (i64.load (local.get $to)) (i64.load (local.get $from)))
                  (i32.lt_s (i32.sub (i32.load offset=8 (local.get $to)) (i32.load offset=8 (local.get $from))) (i32.const 0))))
              (then
                (local.set $least (local.get $child))
                (local.set $from (local.get $to))))
            (br $next)))
        (br_if $placed
          (i32.or
            (i64.lt_s (local.get $key) (i64.load (local.get $from)))
            (i32.and
              (i64.eq (local.get $key) (i64.load (local.get $from)))
              (i32.lt_s (i32.sub (local.get $sequence) (i32.load offset=8 (local.get $from))) (i32.const 0)))))
        (local.set $to (i32.add (local.get $entries) (i32.shl (local.get $i) (i32.const 4))))
        (i64.store (local.get $to) (i64.load (local.get $from)))
        (i64.store offset=8 (local.get $to) (i64.load offset=8 (local.get $from)))
        (i32.store offset=512
          (i32.add (local.get $h) (i32.shl (i32.load offset=12 (local.get $from)) (i32.const 2)))
          (i32.add (local.get $i) (i32.const 1)))
        (i32.store offset=388 (local.get $h) (local.tee $i (local.get $least)))
        (br $down))))

  ;; Moves HOLE to where ITEM belongs, writes ITEM, puts $mark at $state (0 = nowhere) and unlocks. What the journal describes
  ;; is done or not done: from the write of ITEM on there is neither a call nor a loop. 0, or, where the state says that the value was taken back
  ;; (ring.wat, M), 1 for one that is WITHDRAWN and 2 for one that is STALE.
  (func $heapSettle (param $h i32) (param $state i32) (param $mark i32) (result i32)
    (local $hole i32) (local $e i32) (local $min i64) (local $was i32) (local $next i32) (local $fate i32)
    (local.set $min (i64.const 0x7fffffffffffffff))
    (if (i32.lt_u (i32.load offset=388 (local.get $h)) (i32.load offset=392 (local.get $h)))
      (then
        (local.set $hole (i32.load offset=388 (local.get $h)))
        (call $heapDown (local.get $h))
        (if (i32.eq (local.get $hole) (i32.load offset=388 (local.get $h))) (then (call $heapUp (local.get $h))))
        (local.set $hole (i32.load offset=388 (local.get $h)))
        (local.set $e (i32.add (i32.add (local.get $h) (i32.load offset=16 (local.get $h))) (i32.shl (local.get $hole) (i32.const 4))))
        (i64.store (local.get $e) (i64.load offset=400 (local.get $h)))
        (i64.store offset=8 (local.get $e) (i64.load offset=408 (local.get $h)))
        (i32.store offset=512
          (i32.add (local.get $h) (i32.shl (i32.load offset=412 (local.get $h)) (i32.const 2)))
          (i32.add (local.get $hole) (i32.const 1)))))
    (if (i32.load offset=392 (local.get $h))
      (then (local.set $min (i64.load (i32.add (local.get $h) (i32.load offset=16 (local.get $h)))))))
    (i32.store offset=384 (local.get $h) (i32.const 0))
    (i32.atomic.store offset=264 (local.get $h) (i32.load offset=392 (local.get $h)))
    (if (i64.ne (local.get $min) (i64.atomic.load offset=256 (local.get $h)))
      (then (i64.atomic.store offset=256 (local.get $h) (local.get $min))))   ;; publish for heapPeek
    (block $marked
      (br_if $marked (i32.eqz (local.get $state)))
      (local.set $was (i32.atomic.load (local.get $state)))
      (if (i32.eqz (i32.and (local.get $was) (i32.const 0x3000)))
        (then
          (local.set $next (i32.atomic.rmw.cmpxchg (local.get $state) (local.get $was) (local.get $mark)))
          (br_if $marked (i32.eq (local.get $next) (local.get $was)))
          (local.set $was (local.get $next))))
      (local.set $fate (i32.const 1))
      (if (i32.and (local.get $was) (i32.const 0x1000))
        (then
          (br_if $marked
            (i32.eq (local.get $was) (i32.atomic.rmw.cmpxchg (local.get $state) (local.get $was) (i32.const 3))))))
      (local.set $fate (i32.const 2))
      (i32.atomic.store (local.get $state) (i32.or (i32.const 0x500) (i32.and (local.get $mark) (i32.const 0xff)))))
    (i32.atomic.store offset=128 (local.get $h) (i32.const 0))           ;; unlock (release): pairs with the claim
    (local.get $fate))

  ;; Describes in the journal that entry $i goes, and the last one into its place.
  (func $heapTake (param $h i32) (param $i i32) (param $value i32)
    (local $last i32) (local $e i32)
    (local.set $last (i32.sub (i32.atomic.load offset=264 (local.get $h)) (i32.const 1)))
    (local.set $e (i32.add (i32.add (local.get $h) (i32.load offset=16 (local.get $h))) (i32.shl (local.get $last) (i32.const 4))))
    (i64.store offset=400 (local.get $h) (i64.load (local.get $e)))
    (i64.store offset=408 (local.get $h) (i64.load offset=8 (local.get $e)))
    (i32.store offset=388 (local.get $h) (local.get $i))
    (i32.store offset=392 (local.get $h) (local.get $last))
    (i32.store offset=396 (local.get $h) (i32.add (local.get $value) (i32.const 1)))
    (i32.store offset=512 (i32.add (local.get $h) (i32.shl (local.get $value) (i32.const 2))) (i32.const 0))
    (i32.store offset=384 (local.get $h) (i32.const 1)))

  ;; Any thread, $holder being a number of its own. Puts $value in, or, where it is in already, moves it to its new key. 0, FULL or RETRY.
  (func $heapPushKey64 (export "heapPushKey64") (param $h i32) (param $holder i32) (param $key i64) (param $value i32) (result i32)
    (local $i i32) (local $n i32)
    (if (i32.ge_u (local.get $value) (i32.load offset=8 (local.get $h))) (then (unreachable)))
    (if (i32.eqz (call $heapLock (local.get $h) (local.get $holder))) (then (return (i32.const -2))))
    (local.set $n (i32.atomic.load offset=264 (local.get $h)))
    (local.set $i (i32.load offset=512 (i32.add (local.get $h) (i32.shl (local.get $value) (i32.const 2)))))
    (if (local.get $i)
      (then (local.set $i (i32.sub (local.get $i) (i32.const 1))))
      (else
        (if (i32.eq (local.get $n) (i32.load offset=4 (local.get $h)))
          (then
            (i32.atomic.store offset=128 (local.get $h) (i32.const 0))
            (return (i32.const -3))))
        (local.set $i (local.get $n))
        (local.set $n (i32.add (local.get $n) (i32.const 1)))))
    (i64.store offset=400 (local.get $h)                                 ;; 2^63 - 1 in MIN means that there is none
      (select (local.get $key) (i64.const 0x7ffffffffffffffe) (i64.lt_s (local.get $key) (i64.const 0x7ffffffffffffffe))))
    (i32.store offset=408 (local.get $h) (i32.load offset=416 (local.get $h)))
    (i32.store offset=412 (local.get $h) (local.get $value))
    (i32.store offset=416 (local.get $h) (i32.add (i32.load offset=416 (local.get $h)) (i32.const 1)))
    (i32.store offset=388 (local.get $h) (local.get $i))
    (i32.store offset=392 (local.get $h) (local.get $n))
    (i32.store offset=396 (local.get $h) (i32.const 0))
    (i32.store offset=384 (local.get $h) (i32.const 1))
    (drop (call $heapSettle (local.get $h) (i32.const 0) (i32.const 0)))
    (i32.const 0))

  ;; heapPushKey64 with a key that JavaScript passes without a BigInt: whole, up to 2^53 (nanoseconds of 104 days); Infinity = last.
  (func (export "heapPush") (param $h i32) (param $holder i32) (param $key f64) (param $value i32) (result i32)
    (call $heapPushKey64 (local.get $h) (local.get $holder) (i64.trunc_sat_f64_s (local.get $key)) (local.get $value)))

  ;; Takes the value with the least key, if that is below $below; with $states it puts $mark at $states + value * $stride before
  ;; anybody else can see the heap without that value (T). A value, EMPTY or RETRY; of one that was taken back RETRY, or GONE - value (ring.wat, M).
  (func $heapPop
    (param $h i32) (param $holder i32) (param $below i64) (param $states i32) (param $stride i32) (param $mark i32) (result i32)
    (local $value i32)
    (if (i64.ge_s (i64.atomic.load offset=256 (local.get $h)) (local.get $below))   ;; observe: do not lock for nothing (an empty heap's MIN is the highest)
      (then (return (i32.const -1))))
    (if (i32.eqz (call $heapLock (local.get $h) (local.get $holder))) (then (return (i32.const -2))))
    (if (i64.ge_s (i64.atomic.load offset=256 (local.get $h)) (local.get $below))   ;; it may have gone meanwhile
      (then
        (i32.atomic.store offset=128 (local.get $h) (i32.const 0))
        (return (i32.const -1))))
    (local.set $value (i32.load offset=12 (i32.add (local.get $h) (i32.load offset=16 (local.get $h)))))
    (call $heapTake (local.get $h) (i32.const 0) (local.get $value))
    (if (local.get $states)
      (then (local.set $states (i32.add (local.get $states) (i32.mul (local.get $value) (local.get $stride))))))
    (local.set $stride (call $heapSettle (local.get $h) (local.get $states) (local.get $mark)))
    (if (i32.eqz (local.get $stride)) (then (return (local.get $value))))
    (select (i32.const -2) (i32.sub (i32.const -4) (local.get $value)) (i32.eq (local.get $stride) (i32.const 1))))

  (func (export "heapPopMin") (param $h i32) (param $holder i32) (param $states i32) (param $stride i32) (param $mark i32) (result i32)
    (call $heapPop (local.get $h) (local.get $holder) (i64.const 0x7fffffffffffffff)
      (local.get $states) (local.get $stride) (local.get $mark)))

  ;; heapPopMin of a key below $below alone; Infinity = any.
  (func (export "heapPopMinBelow")
    (param $h i32) (param $holder i32) (param $below f64) (param $states i32) (param $stride i32) (param $mark i32) (result i32)
    (call $heapPop (local.get $h) (local.get $holder) (i64.trunc_sat_f64_s (f64.ceil (local.get $below)))
      (local.get $states) (local.get $stride) (local.get $mark)))

  ;; Takes $value out, wherever it is. $value, EMPTY when it is not in, or RETRY.
  (func (export "heapRemove") (param $h i32) (param $holder i32) (param $value i32) (result i32)
    (local $i i32)
    (if (i32.ge_u (local.get $value) (i32.load offset=8 (local.get $h))) (then (unreachable)))
    (if (i32.eqz (call $heapLock (local.get $h) (local.get $holder))) (then (return (i32.const -2))))
    (local.set $i (i32.load offset=512 (i32.add (local.get $h) (i32.shl (local.get $value) (i32.const 2)))))
    (if (i32.eqz (local.get $i))
      (then
        (i32.atomic.store offset=128 (local.get $h) (i32.const 0))
        (return (i32.const -1))))
    (call $heapTake (local.get $h) (i32.sub (local.get $i) (i32.const 1)) (local.get $value))
    (drop (call $heapSettle (local.get $h) (i32.const 0) (i32.const 0)))
    (local.get $value))

  ;; The supervisor, for a $holder that has died: finishes what it had begun and unlocks. The value that it was taking out (nobody has it now,
  ;; its mark not being stored), or EMPTY.
  (func (export "heapRecover") (param $h i32) (param $holder i32) (result i32)
    (local $taken i32)
    (if (i32.ne (i32.atomic.load offset=128 (local.get $h)) (i32.add (local.get $holder) (i32.const 1)))
      (then (return (i32.const -1))))
    (if (i32.eqz (i32.load offset=384 (local.get $h)))
      (then
        (i32.atomic.store offset=128 (local.get $h) (i32.const 0))
        (return (i32.const -1))))
    (local.set $taken (i32.load offset=396 (local.get $h)))              ;; before the unlock: the next holder writes it (H2)
    (drop (call $heapSettle (local.get $h) (i32.const 0) (i32.const 0)))
    (i32.sub (local.get $taken) (i32.const 1)))

  ;; Any thread, without the lock. The least key; 2^63 - 1 when there is none.
  (func (export "heapPeekKey64") (param $h i32) (result i64) (i64.atomic.load offset=256 (local.get $h)))

  ;; The same as a number, rounded above 2^53; Infinity when there is none.
  (func (export "heapPeek") (param $h i32) (result f64)
    (local $min i64)
    (local.set $min (i64.atomic.load offset=256 (local.get $h)))
    (if (i64.eq (local.get $min) (i64.const 0x7fffffffffffffff)) (then (return (f64.const inf))))
    (f64.convert_i64_s (local.get $min)))

  ;; Any thread, without the lock. Entries; may be old on return.
  (func (export "heapSize") (param $h i32) (result i32) (i32.atomic.load offset=264 (local.get $h)))
