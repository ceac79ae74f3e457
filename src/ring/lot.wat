;; Lot: where workers sleep (an eventcount with a place for each worker). At most 64 workers.
;;   byte  name        written by       read by      meaning
;;      0  IDENTITY    create           attach       0x4c5207vv
;;      4  WORKERS     create           attach       how many places there are
;;    128  SLEEPERS    all, or/and      all          i64: bit w = worker w sleeps or is about to
;;    256  SEARCHERS   all, or/and      all          i64: bit w = worker w is awake and looking for work
;;    384  WAKE w      all, store       worker w     128 bytes a worker: 0 = sleep, 1 = woken; the word that w waits on
;; P1  A producer publishes, then looks at SEARCHERS and SLEEPERS; a worker sets its bit in SLEEPERS, clears the one in SEARCHERS, then looks
;;     at the queues. All are seq-cst, so at least one sees the other: no wake-up is lost.
;; P2  A worker that sleeps is in SLEEPERS; who takes the bit out must wake it.
;; P3  While somebody searches, producers wake nobody: the searcher that finds work hands the search on (wakeOne) if there may be more.
;;     So a burst costs one futex call, not one a request.
;; P4  A bit in SEARCHERS of a worker that does not search is a promise by a waker: it is about to wake this worker, or
;;     another one, or nobody sleeps. So the waker sets the bit before it takes the one in SLEEPERS, and goes on looking where
;;     it fails. (The model checker found the other order losing a wake-up: the bit then came behind the worker's own searchEnd, and
;;     stayed for as long as the worker ran a guest.) A searching worker without its bit only costs a needless wake-up.
;; Masks, not counts: when a worker dies the supervisor clears its bits, and no count is off for ever after.
;; Progress: all but sleepWait are lock-free; sleepWait blocks its thread until it is woken or its time is up.
;; After the idle lists of Go's and Tokio's schedulers.

;; Wakes one sleeper unless somebody searches already. The worker's number, or -1.
  (func (export "wakeOne") (param $p i32) (result i32)
    (if (i64.ne (i64.atomic.load offset=256 (local.get $p)) (i64.const 0)) (then (return (i32.const -1))))  ;; store-load with the caller's publish (P1)
    (call $wakeAny (local.get $p)))

  ;; Wakes the sleeper with the lowest number (so that few workers stay warm while load is low). Its number, or -1.
  (func $wakeAny (export "wakeAny") (param $p i32) (result i32)
    (local $m i64) (local $bit i64) (local $w i32)
    (loop $again
      (local.set $m (i64.atomic.load offset=128 (local.get $p)))
      (if (i64.eqz (local.get $m)) (then (return (i32.const -1))))
      (local.set $bit (i64.and (local.get $m) (i64.sub (i64.const 0) (local.get $m))))
      (drop (i64.atomic.rmw.or offset=256 (local.get $p) (local.get $bit)))   ;; promise, before the claim (P4)
      (if (i64.eqz (i64.and (local.get $bit)
            (i64.atomic.rmw.and offset=128 (local.get $p) (i64.xor (local.get $bit) (i64.const -1)))))  ;; claim: who clears the bit wakes (P2)
        (then
          (drop (i64.atomic.rmw.and offset=256 (local.get $p) (i64.xor (local.get $bit) (i64.const -1))))
          (br $again))))
    (local.set $w (i32.wrap_i64 (i64.ctz (local.get $bit))))
    (local.set $p (i32.add (local.get $p) (i32.shl (local.get $w) (i32.const 7))))
    (i32.atomic.store offset=384 (local.get $p) (i32.const 1))
    (drop (memory.atomic.notify offset=384 (local.get $p) (i32.const 1)))
    (local.get $w))

  ;; Wakes worker $w for whatever reason (a message for it, the end). 1 if it slept. It makes no promise of a search (P4).
  (func (export "wakeWorker") (param $p i32) (param $w i32) (result i32)
    (local $bit i64)
    (local.set $bit (i64.shl (i64.const 1) (i64.extend_i32_u (local.get $w))))
    (if (i64.eqz (i64.and (local.get $bit) (i64.atomic.rmw.and offset=128 (local.get $p) (i64.xor (local.get $bit) (i64.const -1)))))
      (then (return (i32.const 0))))
    (local.set $p (i32.add (local.get $p) (i32.shl (local.get $w) (i32.const 7))))
    (i32.atomic.store offset=384 (local.get $p) (i32.const 1))
    (drop (memory.atomic.notify offset=384 (local.get $p) (i32.const 1)))
    (i32.const 1))

  ;; Worker $w announces that it will sleep (P1). It must look at the queues behind this, and then wait or cancel.
  (func (export "sleepBegin") (param $p i32) (param $w i32)
    (local $bit i64)
    (local.set $bit (i64.shl (i64.const 1) (i64.extend_i32_u (local.get $w))))
    (i32.atomic.store offset=384 (i32.add (local.get $p) (i32.shl (local.get $w) (i32.const 7))) (i32.const 0))
    (drop (i64.atomic.rmw.or offset=128 (local.get $p) (local.get $bit)))
    (drop (i64.atomic.rmw.and offset=256 (local.get $p) (i64.xor (local.get $bit) (i64.const -1)))))

  ;; Worker $w, behind sleepBegin and a look at the queues: blocks until it is woken (1) or $timeoutNs have passed (0; Infinity = no
  ;; limit). The wait is an instruction and not Atomics.wait, so that the model checker sees it.
  (func (export "sleepWait") (param $p i32) (param $w i32) (param $timeoutNs f64) (result i32)
    (local.set $p (i32.add (local.get $p) (i32.shl (local.get $w) (i32.const 7))))
    (loop $again
      (if (i32.atomic.load offset=384 (local.get $p)) (then (return (i32.const 1))))
      (br_if $again
        (i32.ne (i32.const 2)
          (memory.atomic.wait32 offset=384 (local.get $p) (i32.const 0) (i64.trunc_sat_f64_s (local.get $timeoutNs))))))
    (i32.const 0))

  ;; Worker $w does not sleep any more (found work, or its time is up): it searches again, whether it was woken or not.
  (func (export "sleepEnd") (param $p i32) (param $w i32)
    (local $bit i64)
    (local.set $bit (i64.shl (i64.const 1) (i64.extend_i32_u (local.get $w))))
    (drop (i64.atomic.rmw.or offset=256 (local.get $p) (local.get $bit)))
    (drop (i64.atomic.rmw.and offset=128 (local.get $p) (i64.xor (local.get $bit) (i64.const -1)))))

  (func (export "searchBegin") (param $p i32) (param $w i32)
    (drop (i64.atomic.rmw.or offset=256 (local.get $p) (i64.shl (i64.const 1) (i64.extend_i32_u (local.get $w))))))

  ;; Worker $w found work. 1 if nobody searches now: it then looks whether there is more, and hands the search on (P3).
  (func (export "searchEnd") (param $p i32) (param $w i32) (result i32)
    (local $others i64)
    (local.set $others (i64.xor (i64.shl (i64.const 1) (i64.extend_i32_u (local.get $w))) (i64.const -1)))
    (i64.eqz (i64.and (local.get $others) (i64.atomic.rmw.and offset=256 (local.get $p) (local.get $others)))))

  ;; Removes a dead worker from the lot.
  (func (export "lotForget") (param $p i32) (param $w i32)
    (local $mask i64)
    (local.set $mask (i64.xor (i64.shl (i64.const 1) (i64.extend_i32_u (local.get $w))) (i64.const -1)))
    (drop (i64.atomic.rmw.and offset=128 (local.get $p) (local.get $mask)))
    (drop (i64.atomic.rmw.and offset=256 (local.get $p) (local.get $mask))))

  (func (export "searchers") (param $p i32) (result i32)
    (i32.wrap_i64 (i64.popcnt (i64.atomic.load offset=256 (local.get $p)))))
