;; Chase-Lev deque of indices: one owner (a producer), any number of thieves (workers).
;;   byte  name      written by          read by          meaning
;;      0  IDENTITY  create              attach           0x4c5201vv
;;      4  MASK      create              all              capacity - 1; the capacity is a power of two
;;      8  BATCH     create              all              the most values that one steal takes; at most the capacity
;;    128  TOP       thieves, CAS;       all              i64: TAG << 32 | next to steal (free-running)
;;                   owner, CAS (TAG)
;;    256  BOTTOM    owner               all              next to push (free-running)
;;    384  cell 0..  owner               all (plain)      4 bytes each: the value
;; D1  0 <= BOTTOM - TOP <= capacity as a signed difference, but for the time inside dequePop in which BOTTOM is
;;     lowered below TOP; a thief reads that as empty.
;; D2  A value is handed out exactly once: to the thief whose CAS moves TOP past it, or to the owner that lowered BOTTOM to it
;;     and then either saw TOP at least BATCH below it or changed TAG, which makes void whatever a thief had read before.
;;     (dequeStealMark keeps one to itself that was taken back: ring.wat, M.)
;; D3  cell[i] is not overwritten before TOP has passed i: dequePush observes TOP first. A thief that reads a cell which is
;;     being overwritten has a stale TOP, so its CAS fails and the value is dropped.
;; Progress: dequePush is wait-free; dequeSteal and dequeStealBatch are wait-free (RETRY = another thread got something);
;; dequePop is lock-free: it goes round only when a thief got something.
;; (T) holds for all but an owner that is killed inside dequePop's loop: the newest value is hidden from thieves then.
;; After D. Chase, Y. Lev, "Dynamic Circular Work-Stealing Deque" (SPAA 2005), without growth. Ours is TAG: with it one CAS can
;; steal several values, which the original cannot allow, as its owner takes from the bottom without telling the thieves.
;; Rejected: growth (needs reclamation of the old array across threads); a CAS for each value of a batch; a ring per worker with
;; round-robin placement (a request would wait behind a hog while another worker idles).

  ;; Owner only. 0, or FULL.
  (func (export "dequePush") (param $d i32) (param $value i32) (result i32)
    (local $b i32)
    (local.set $b (i32.atomic.load offset=256 (local.get $d)))           ;; own cell: any ordering would do
    (if (i32.gt_s
          (i32.sub (local.get $b) (i32.wrap_i64 (i64.atomic.load offset=128 (local.get $d))))  ;; acquire: pairs with the thieves' CAS (D3)
          (i32.load offset=4 (local.get $d)))
      (then (return (i32.const -3))))
    (i32.store offset=384
      (i32.add (local.get $d) (i32.shl (i32.and (local.get $b) (i32.load offset=4 (local.get $d))) (i32.const 2)))
      (local.get $value))
    (i32.atomic.store offset=256 (local.get $d) (i32.add (local.get $b) (i32.const 1)))  ;; publish (release): the cell and what it stands for
    (i32.const 0))

  ;; dequePush that stores $mark at $state before a thief can see the value, in one breath with the publishing (T). 0, or FULL.
  (func (export "dequePushMark") (param $d i32) (param $value i32) (param $state i32) (param $mark i32) (result i32)
    (local $next i32)
    (local.set $next (i32.atomic.load offset=256 (local.get $d)))
    (if (i32.gt_s
          (i32.sub (local.get $next) (i32.wrap_i64 (i64.atomic.load offset=128 (local.get $d))))
          (i32.load offset=4 (local.get $d))) (then (return (i32.const -3))))
    (i32.store offset=384
      (i32.add (local.get $d) (i32.shl (i32.and (local.get $next) (i32.load offset=4 (local.get $d))) (i32.const 2)))
      (local.get $value))
    (i32.atomic.store (local.get $state) (local.get $mark))
    (i32.atomic.store offset=256 (local.get $d) (i32.add (local.get $next) (i32.const 1)))
    (i32.const 0))

  ;; Owner only. The newest value, or EMPTY.
  (func (export "dequePop") (param $d i32) (result i32)
    (local $b i32) (local $top i64) (local $n i32)
    (local.set $b (i32.sub (i32.atomic.load offset=256 (local.get $d)) (i32.const 1)))
    (i32.atomic.store offset=256 (local.get $d) (local.get $b))          ;; reserve; store-load with the load of TOP: must be seq-cst, or
    (loop $again                                                         ;; owner and thief can both believe that the value is theirs
      (local.set $top (i64.atomic.load offset=128 (local.get $d)))
      (local.set $n (i32.sub (local.get $b) (i32.wrap_i64 (local.get $top))))
      (if (i32.lt_s (local.get $n) (i32.const 0))
        (then
          (i32.atomic.store offset=256 (local.get $d) (i32.add (local.get $b) (i32.const 1)))
          (return (i32.const -1))))
      (if (i32.lt_s (local.get $n) (i32.load offset=8 (local.get $d)))   ;; a thief that has read BOTTOM before us could reach it:
        (then                                                            ;; change TAG, so that its CAS fails (D2)
          (br_if $again
            (i64.ne (local.get $top)
              (i64.atomic.rmw.cmpxchg offset=128 (local.get $d) (local.get $top)
                (i64.add (local.get $top) (i64.const 0x100000000))))))))
    (i32.load offset=384
      (i32.add (local.get $d) (i32.shl (i32.and (local.get $b) (i32.load offset=4 (local.get $d))) (i32.const 2)))))

  ;; Any thread. The oldest value, EMPTY or RETRY.
  (func (export "dequeSteal") (param $d i32) (result i32)
    (local $top i64) (local $t i32) (local $v i32)
    (local.set $top (i64.atomic.load offset=128 (local.get $d)))         ;; TOP before BOTTOM: pairs with dequePop's store-load
    (local.set $t (i32.wrap_i64 (local.get $top)))
    (if (i32.le_s (i32.sub (i32.atomic.load offset=256 (local.get $d)) (local.get $t)) (i32.const 0))  ;; acquire: pairs with publish
      (then (return (i32.const -1))))
    (local.set $v (i32.load offset=384
      (i32.add (local.get $d) (i32.shl (i32.and (local.get $t) (i32.load offset=4 (local.get $d))) (i32.const 2)))))
    (if (i64.ne (local.get $top)
          (i64.atomic.rmw.cmpxchg offset=128 (local.get $d) (local.get $top)   ;; claim
            (i64.or
              (i64.and (local.get $top) (i64.const 0xffffffff00000000))
              (i64.extend_i32_u (i32.add (local.get $t) (i32.const 1))))))
      (then (return (i32.const -2))))
    (local.get $v))

  ;; dequeSteal that also puts $mark at $states + value * $stride, the holder's mark, right behind the claim (T). A value that was taken back by
  ;; who pushed it is RETRY, or GONE - value (ring.wat, M).
  (func (export "dequeStealMark") (param $d i32) (param $states i32) (param $stride i32) (param $mark i32) (result i32)
    (local $top i64) (local $t i32) (local $v i32) (local $was i32) (local $next i32)
    (local.set $top (i64.atomic.load offset=128 (local.get $d)))
    (local.set $t (i32.wrap_i64 (local.get $top)))
    (if (i32.le_s (i32.sub (i32.atomic.load offset=256 (local.get $d)) (local.get $t)) (i32.const 0))
      (then (return (i32.const -1))))
    (local.set $v (i32.load offset=384
      (i32.add (local.get $d) (i32.shl (i32.and (local.get $t) (i32.load offset=4 (local.get $d))) (i32.const 2)))))
    (if (i64.ne (local.get $top)
          (i64.atomic.rmw.cmpxchg offset=128 (local.get $d) (local.get $top)
            (i64.or
              (i64.and (local.get $top) (i64.const 0xffffffff00000000))
              (i64.extend_i32_u (i32.add (local.get $t) (i32.const 1))))))
      (then (return (i32.const -2))))
    (local.set $states (i32.add (local.get $states) (i32.mul (local.get $v) (local.get $stride))))
    (local.set $was (i32.atomic.rmw.cmpxchg (local.get $states) (i32.const 2) (local.get $mark)))   ;; QUEUED, as a rule: a look first
    (if (i32.eq (local.get $was) (i32.const 2)) (then (return (local.get $v))))                     ;; would fetch the line twice
    (if (i32.eqz (i32.and (local.get $was) (i32.const 0x3000)))
      (then
        (local.set $next (i32.atomic.rmw.cmpxchg (local.get $states) (local.get $was) (local.get $mark)))
        (if (i32.eq (local.get $next) (local.get $was)) (then (return (local.get $v))))
        (local.set $was (local.get $next))))
    (if (i32.and (local.get $was) (i32.const 0x1000))
      (then
        (if (i32.eq (local.get $was) (i32.atomic.rmw.cmpxchg (local.get $states) (local.get $was) (i32.const 3)))
          (then (return (i32.const -2))))))
    (i32.atomic.store (local.get $states) (i32.or (i32.const 0x500) (i32.and (local.get $mark) (i32.const 0xff))))
    (i32.sub (i32.const -4) (local.get $v)))

  ;; Any thread. Takes the oldest values, at most $max, BATCH, and half of what is there (rounded up, so that others find some),
  ;; into $batch with one CAS. How many, EMPTY or RETRY; the batch's COUNT is 0 unless they are the caller's (T).
  (func (export "dequeStealBatch") (param $d i32) (param $batch i32) (param $max i32) (result i32)
    (local $top i64) (local $t i32) (local $n i32) (local $i i32)
    (i32.store (local.get $batch) (i32.const 0))
    (if (i32.eqz (local.get $max)) (then (return (i32.const 0))))
    (local.set $top (i64.atomic.load offset=128 (local.get $d)))         ;; TOP before BOTTOM, as in dequeSteal
    (local.set $t (i32.wrap_i64 (local.get $top)))
    (local.set $n (i32.sub (i32.atomic.load offset=256 (local.get $d)) (local.get $t)))
    (if (i32.le_s (local.get $n) (i32.const 0)) (then (return (i32.const -1))))
    (local.set $n (i32.shr_u (i32.add (local.get $n) (i32.const 1)) (i32.const 1)))
    (if (i32.gt_u (local.get $n) (i32.load offset=8 (local.get $d))) (then (local.set $n (i32.load offset=8 (local.get $d)))))
    (if (i32.gt_u (local.get $n) (local.get $max)) (then (local.set $n (local.get $max))))
    (loop $copy                                                          ;; before the claim: void when it fails (D3, T)
      (i32.store offset=4
        (i32.add (local.get $batch) (i32.shl (local.get $i) (i32.const 2)))
        (i32.load offset=384
          (i32.add (local.get $d)
            (i32.shl (i32.and (i32.add (local.get $t) (local.get $i)) (i32.load offset=4 (local.get $d))) (i32.const 2)))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $copy (i32.lt_u (local.get $i) (local.get $n))))
    (if (i64.ne (local.get $top)
          (i64.atomic.rmw.cmpxchg offset=128 (local.get $d) (local.get $top)   ;; claim them all
            (i64.or
              (i64.and (local.get $top) (i64.const 0xffffffff00000000))
              (i64.extend_i32_u (i32.add (local.get $t) (local.get $n))))))
      (then (return (i32.const -2))))
    (i32.store (local.get $batch) (local.get $n))
    (local.get $n))

  ;; Any thread. How many values wait: a hint, since it may be old on return; never negative.
  (func (export "dequeSize") (param $d i32) (result i32)
    (local $n i32)
    (local.set $n (i32.wrap_i64 (i64.atomic.load offset=128 (local.get $d))))
    (local.set $n (i32.sub (i32.atomic.load offset=256 (local.get $d)) (local.get $n)))
    (select (local.get $n) (i32.const 0) (i32.gt_s (local.get $n) (i32.const 0))))

  ;; Any thread. Of $count deques, $stride bytes apart from $d on, the number of the first from $from on, round about, in which values wait; or
  ;; EMPTY. A hint, as dequeSize is. One call for all: a thief that asks ten empty deques one by one pays 0.3 µs for each value.
  (func (export "dequesFind") (param $d i32) (param $stride i32) (param $count i32) (param $from i32) (result i32)
    (local $left i32) (local $at i32) (local $top i32)
    (local.set $left (local.get $count))
    (loop $next
      (if (i32.eqz (local.get $left)) (then (return (i32.const -1))))
      (local.set $at (i32.add (local.get $d) (i32.mul (local.get $from) (local.get $stride))))
      (local.set $top (i32.wrap_i64 (i64.atomic.load offset=128 (local.get $at))))
      (if (i32.gt_s (i32.sub (i32.atomic.load offset=256 (local.get $at)) (local.get $top)) (i32.const 0))
        (then (return (local.get $from))))
      (local.set $from (i32.add (local.get $from) (i32.const 1)))
      (if (i32.ge_u (local.get $from) (local.get $count)) (then (local.set $from (i32.const 0))))
      (local.set $left (i32.sub (local.get $left) (i32.const 1)))
      (br $next))
    (unreachable))
