;; Chain: the chunks of one body, linked through the NEXT cells of the chunk pool's free list.
;;   byte  name    meaning (all plain: a chain belongs to whoever holds the request)
;;      0  FIRST   index + 1 of the first chunk (0 = none)
;;      4  LAST    index + 1 of the last chunk
;;      8  COUNT   chunks in the chain
;;     12  BYTES   bytes of the body, in the slot's inline part and the chunks together (written by the holder)
;; K1  FIRST = 0 iff COUNT = 0, and then no chunk belongs to this chain.
;; K2  A chunk is in the free list, or in one chain, or nowhere for as long as a thread runs straight on (T).
;; Progress: lock-free. The chunk is linked, and FIRST cleared, without a stop behind the claim or the push.
;; Rejected: a buddy allocator (fragmentation, a lock); fixed chunks take one CAS, and the socket can write them as they lie.

  ;; Takes a chunk from the pool and links it behind the last one. Its index, or EMPTY when the pool is used up.
  (func $chainAppend (export "chainAppend") (param $c i32) (param $f i32) (result i32)
    (local $h i64) (local $i i32)
    (loop $again                                                          ;; freePop, written out: a call behind the claim breaks (T)
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
    (i32.store offset=384 (i32.add (local.get $f) (i32.shl (local.get $i) (i32.const 2))) (i32.const 0))
    (if (i32.load (local.get $c))
      (then
        (i32.store offset=384
          (i32.add (local.get $f) (i32.shl (i32.sub (i32.load offset=4 (local.get $c)) (i32.const 1)) (i32.const 2)))
          (i32.add (local.get $i) (i32.const 1))))
      (else (i32.store (local.get $c) (i32.add (local.get $i) (i32.const 1)))))
    (i32.store offset=4 (local.get $c) (i32.add (local.get $i) (i32.const 1)))
    (i32.store offset=8 (local.get $c) (i32.add (i32.load offset=8 (local.get $c)) (i32.const 1)))
    (drop (i32.atomic.rmw.sub offset=256 (local.get $f) (i32.const 1)))
    (local.get $i))

  ;; The chunk behind chunk $i, or EMPTY.
  (func (export "chainNext") (param $f i32) (param $i i32) (result i32)
    (i32.sub
      (i32.load offset=384 (i32.add (local.get $f) (i32.shl (local.get $i) (i32.const 2))))
      (i32.const 1)))

  ;; Gives all chunks back and empties the chain. It clears FIRST only behind the push: a thread that is stopped in the push's
  ;; loop has not pushed, and whoever answers for it releases the chain again.
  (func $chainRelease (export "chainRelease") (param $c i32) (param $f i32)
    (local $h i64) (local $next i32)
    (if (i32.load (local.get $c))
      (then
        (local.set $next (i32.add (local.get $f) (i32.shl (i32.sub (i32.load offset=4 (local.get $c)) (i32.const 1)) (i32.const 2))))
        (loop $again
          (local.set $h (i64.atomic.load offset=128 (local.get $f)))
          (i32.store offset=384 (local.get $next) (i32.wrap_i64 (local.get $h)))
          (br_if $again
            (i64.ne (local.get $h)
              (i64.atomic.rmw.cmpxchg offset=128 (local.get $f) (local.get $h)
                (i64.or
                  (i64.and (i64.add (local.get $h) (i64.const 0x100000000)) (i64.const 0xffffffff00000000))
                  (i64.extend_i32_u (i32.load (local.get $c))))))))
        (drop (i32.atomic.rmw.add offset=256 (local.get $f) (i32.load offset=8 (local.get $c))))
        (i32.store (local.get $c) (i32.const 0))
        (i32.store offset=4 (local.get $c) (i32.const 0))
        (i32.store offset=8 (local.get $c) (i32.const 0))))
    (i32.store offset=12 (local.get $c) (i32.const 0)))
