;; Bell: wakes a thread that sleeps in its event loop (Atomics.waitAsync on the word).
;;   byte  name    written by                          meaning
;;      0  ARMED   the sleeper sets, a ringer clears   1 = the sleeper waits for a ring
;; B1  The sleeper stores ARMED, then looks at its ring once more; a ringer publishes, then looks at ARMED: both seq-cst, so one
;;     of them sees the other. Only the ringer that clears ARMED notifies, so a busy sleeper costs its ringers one load.

  (func (export "bellRing") (param $b i32)
    (if (i32.eqz (i32.atomic.load (local.get $b))) (then (return)))       ;; store-load with the caller's publish (B1)
    (if (i32.eqz (i32.atomic.rmw.xchg (local.get $b) (i32.const 0))) (then (return)))
    (drop (memory.atomic.notify (local.get $b) (i32.const 1))))
