;; Free list of indices (request slots, chunks): a Treiber stack whose head carries a tag.
;;   byte  name      written by    read by   meaning
;;      0  IDENTITY  create        attach    0x4c5205vv
;;      4  COUNT     create        all       indices are 0 .. COUNT - 1
;;    128  HEAD      all, CAS      all       i64: tag << 32 | index + 1 of the top (0 = none left)
;;    256  FREE      all, add      all       how many are in the list (a hint: it trails HEAD)
;;    384  NEXT 0..  holder        all       (plain) 4 bytes an index: index + 1 of the one below (0 = the last)
;; F1  The tag grows by one with each successful change of HEAD, so that a CAS succeeds only if nothing happened between. A thread
;;     would have to sleep through exactly 2^32 changes to be fooled (ABA).
;; F2  An index is in the list at most once, and its NEXT cell belongs to the list while it is there, to its holder otherwise. A
;;     NEXT that is read while its holder writes it belongs to a stale HEAD, whose CAS fails (F1): the value is dropped.
;; Progress: lock-free.
;; After R. K. Treiber, "Systems Programming: Coping with Parallelism" (1986).

  ;; An index, or EMPTY.
  (func (export "freePop") (param $f i32) (result i32)
    (local $h i64) (local $i i32)
    (loop $again
      (local.set $h (i64.atomic.load offset=128 (local.get $f)))          ;; acquire: pairs with the CAS of freePushChain
      (local.set $i (i32.wrap_i64 (local.get $h)))
      (if (i32.eqz (local.get $i)) (then (return (i32.const -1))))
      (local.set $i (i32.sub (local.get $i) (i32.const 1)))
      (br_if $again
        (i64.ne (local.get $h)
          (i64.atomic.rmw.cmpxchg offset=128 (local.get $f) (local.get $h)  ;; claim
            (i64.or
              (i64.and (i64.add (local.get $h) (i64.const 0x100000000)) (i64.const 0xffffffff00000000))
              (i64.extend_i32_u
                (i32.load offset=384 (i32.add (local.get $f) (i32.shl (local.get $i) (i32.const 2))))))))))  ;; may be stale (F2)
    (drop (i32.atomic.rmw.sub offset=256 (local.get $f) (i32.const 1)))
    (local.get $i))

  ;; freePop that stores $mark at $states + index * $stride in one breath with the claim (T): a supervisor knows whose the index is.
  (func (export "freePopMark") (param $f i32) (param $states i32) (param $stride i32) (param $mark i32) (result i32)
    (local $h i64) (local $i i32)
    (loop $again
      (local.set $h (i64.atomic.load offset=128 (local.get $f)))
      (local.set $i (i32.wrap_i64 (local.get $h)))
      (if (i32.eqz (local.get $i)) (then (return (i32.const -1))))
      (local.set $i (i32.sub (local.get $i) (i32.const 1)))
      (br_if $again
        (i64.ne (local.get $h)
          (i64.atomic.rmw.cmpxchg offset=128 (local.get $f) (local.get $h)
            (i64.or
              (i64.and (i64.add (local.get $h) (i64.const 0x100000000)) (i64.const 0xffffffff00000000))
              (i64.extend_i32_u
                (i32.load offset=384 (i32.add (local.get $f) (i32.shl (local.get $i) (i32.const 2))))))))))
    (i32.atomic.store (i32.add (local.get $states) (i32.mul (local.get $i) (local.get $stride))) (local.get $mark))
    (drop (i32.atomic.rmw.sub offset=256 (local.get $f) (i32.const 1)))
    (local.get $i))

  ;; Gives index $i back, whose state at $state is $mark; that becomes 0 in one breath with the push, unless the next holder was faster.
  ;; So a dead thread's index is its supervisor's to give back if and only if the state is still $mark.
  (func (export "freePushMark") (param $f i32) (param $i i32) (param $state i32) (param $mark i32)
    (local $h i64) (local $next i32)
    (local.set $next (i32.add (local.get $f) (i32.shl (local.get $i) (i32.const 2))))
    (loop $push
      (local.set $h (i64.atomic.load offset=128 (local.get $f)))
      (i32.store offset=384 (local.get $next) (i32.wrap_i64 (local.get $h)))
      (br_if $push
        (i64.ne (local.get $h)
          (i64.atomic.rmw.cmpxchg offset=128 (local.get $f) (local.get $h)
            (i64.or
              (i64.and (i64.add (local.get $h) (i64.const 0x100000000)) (i64.const 0xffffffff00000000))
              (i64.extend_i32_u (i32.add (local.get $i) (i32.const 1))))))))
    (drop (i32.atomic.rmw.cmpxchg (local.get $state) (local.get $mark) (i32.const 0)))
    (drop (i32.atomic.rmw.add offset=256 (local.get $f) (i32.const 1))))

  ;; Gives back the chain first -> ... -> last ($count indices linked through NEXT) in one step; one index is a chain of itself.
  (func (export "freePushChain") (param $f i32) (param $first i32) (param $last i32) (param $count i32)
    (local $h i64) (local $next i32)
    (local.set $next (i32.add (local.get $f) (i32.shl (local.get $last) (i32.const 2))))
    (loop $again
      (local.set $h (i64.atomic.load offset=128 (local.get $f)))
      (i32.store offset=384 (local.get $next) (i32.wrap_i64 (local.get $h)))
      (br_if $again
        (i64.ne (local.get $h)
          (i64.atomic.rmw.cmpxchg offset=128 (local.get $f) (local.get $h)  ;; publish (release): NEXT of the chain
            (i64.or
              (i64.and (i64.add (local.get $h) (i64.const 0x100000000)) (i64.const 0xffffffff00000000))
              (i64.extend_i32_u (i32.add (local.get $first) (i32.const 1))))))))
    (drop (i32.atomic.rmw.add offset=256 (local.get $f) (local.get $count))))
