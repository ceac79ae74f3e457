;; The lock-free structures of Luge, as plain functions on addresses in one shared memory (the arena).
;;
;; Why WebAssembly text and not TypeScript: Atomics.* in JavaScript are calls of builtins (11-24 ns each even when hot),
;; whereas an atomic instruction here is one machine instruction. A Vyukov ring measured 183 ns in TypeScript, 21 ns here.
;;
;; Conventions
;;   Every thread instantiates this module over the same memory. All addresses and values are i32; values are indices >= 0.
;;   Results: a value >= 0 is success; EMPTY = -1 (nothing there), RETRY = -2 (lost a race, ask again), FULL = -3.
;;   Counters run free and wrap at 2^32; they are compared by signed difference only.
;;   Cells that different threads write are 128 bytes apart (two lines: the adjacent-line prefetcher of x86 pulls pairs).
;;   All Wasm atomics are sequentially consistent; the comment at each access names the ordering that it needs.
;;   A cell is always accessed atomically, or always plainly. Plain cells are published by an atomic one.
;;
;; Termination safety (T). worker.terminate() stops a thread only at a stack check, and V8 places those at function entries and
;; loop back-edges. So between the instruction that takes something (a successful CAS, an add) and the stores
;; that record who has it, there is neither a call nor a loop: a worker that is killed either did both or neither, and the
;; supervisor finds each request slot either where it was or marked with its holder. Every function below keeps to this.

(module
  (import "luge" "arena" (memory 1 65536 shared))

  ;; ------------------------------------------------------------------------------------------------------------------
  ;; Chase-Lev deque of request indices: one owner (the producer), any number of thieves (workers).
  ;;   byte  name      written by        read by          meaning
  ;;      0  MASK      create            all              capacity - 1; the capacity is a power of two
  ;;    128  TOP       thieves, CAS;     all              next to steal (free-running)
  ;;                   owner, CAS (pop)
  ;;    256  BOTTOM    owner             all              next to push (free-running)
  ;;    384  cell 0..  owner             all (plain)      4 bytes each: the value
  ;; D1  0 <= BOTTOM - TOP <= capacity as a signed difference, but for the moment inside dequePop in which BOTTOM is
  ;;     lowered below TOP; a thief reads that as empty.
  ;; D2  A value is handed out exactly once: whoever advances TOP past it by CAS owns it, or the owner by lowering BOTTOM while
  ;;     TOP is not yet at it.
  ;; D3  cell[i] is not overwritten before TOP has passed i: dequePush observes TOP first. A thief that reads a cell which is
  ;;     being overwritten has a stale TOP, so its CAS fails and the value is dropped.
  ;; Progress: dequePush and dequePop are wait-free; dequeSteal is lock-free (RETRY means that another thread got an item).
  ;; After D. Chase, Y. Lev, "Dynamic Circular Work-Stealing Deque" (SPAA 2005), without growth: its capacity is at least the
  ;; number of request slots, and a slot is in one deque at a time, so FULL cannot happen in the runtime.
  ;; Rejected: growth (needs reclamation of the old array across threads); a ring per worker with round-robin placement (a
  ;; request would wait behind a hog while another worker idles).

  ;; Owner only. 0, or FULL.
  (func (export "dequePush") (param $d i32) (param $value i32) (result i32)
    (local $b i32)
    (local.set $b (i32.atomic.load offset=256 (local.get $d)))           ;; own cell: any ordering would do
    (if (i32.gt_s
          (i32.sub (local.get $b) (i32.atomic.load offset=128 (local.get $d)))  ;; acquire: pairs with the thieves' CAS (D3)
          (i32.load (local.get $d)))
      (then (return (i32.const -3))))
    (i32.store offset=384
      (i32.add (local.get $d) (i32.shl (i32.and (local.get $b) (i32.load (local.get $d))) (i32.const 2)))
      (local.get $value))
    (i32.atomic.store offset=256 (local.get $d) (i32.add (local.get $b) (i32.const 1)))  ;; publish (release): the cell and the slot's plain fields
    (i32.const 0))

  ;; Owner only. The newest value, or EMPTY.
  (func (export "dequePop") (param $d i32) (result i32)
    (local $b i32) (local $t i32) (local $v i32)
    (local.set $b (i32.sub (i32.atomic.load offset=256 (local.get $d)) (i32.const 1)))
    (i32.atomic.store offset=256 (local.get $d) (local.get $b))          ;; claim; store-load with the next line: must be seq-cst, or owner
    (local.set $t (i32.atomic.load offset=128 (local.get $d)))           ;; and thief can both believe that the last item is theirs
    (if (i32.lt_s (i32.sub (local.get $b) (local.get $t)) (i32.const 0))
      (then
        (i32.atomic.store offset=256 (local.get $d) (i32.add (local.get $b) (i32.const 1)))
        (return (i32.const -1))))
    (local.set $v (i32.load offset=384
      (i32.add (local.get $d) (i32.shl (i32.and (local.get $b) (i32.load (local.get $d))) (i32.const 2)))))
    (if (i32.eq (local.get $b) (local.get $t))                           ;; the last item: race the thieves for it
      (then
        (if (i32.ne (i32.atomic.rmw.cmpxchg offset=128 (local.get $d) (local.get $t) (i32.add (local.get $t) (i32.const 1))) (local.get $t))
          (then (local.set $v (i32.const -1))))
        (i32.atomic.store offset=256 (local.get $d) (i32.add (local.get $b) (i32.const 1)))))
    (local.get $v))

  ;; Any thread. The oldest value, EMPTY or RETRY.
  (func (export "dequeSteal") (param $d i32) (result i32)
    (local $t i32) (local $v i32)
    (local.set $t (i32.atomic.load offset=128 (local.get $d)))           ;; TOP before BOTTOM: pairs with dequePop's store-load
    (if (i32.le_s (i32.sub (i32.atomic.load offset=256 (local.get $d)) (local.get $t)) (i32.const 0))  ;; acquire: pairs with publish
      (then (return (i32.const -1))))
    (local.set $v (i32.load offset=384
      (i32.add (local.get $d) (i32.shl (i32.and (local.get $t) (i32.load (local.get $d))) (i32.const 2)))))
    (if (i32.ne (i32.atomic.rmw.cmpxchg offset=128 (local.get $d) (local.get $t) (i32.add (local.get $t) (i32.const 1))) (local.get $t))
      (then (return (i32.const -2))))                                    ;; claim
    (local.get $v))

  ;; dequeSteal that also stores $mark at $states + value * $stride, the holder's mark, right behind the claim (T).
  (func (export "dequeStealMark") (param $d i32) (param $states i32) (param $stride i32) (param $mark i32) (result i32)
    (local $t i32) (local $v i32)
    (local.set $t (i32.atomic.load offset=128 (local.get $d)))
    (if (i32.le_s (i32.sub (i32.atomic.load offset=256 (local.get $d)) (local.get $t)) (i32.const 0))
      (then (return (i32.const -1))))
    (local.set $v (i32.load offset=384
      (i32.add (local.get $d) (i32.shl (i32.and (local.get $t) (i32.load (local.get $d))) (i32.const 2)))))
    (if (i32.ne (i32.atomic.rmw.cmpxchg offset=128 (local.get $d) (local.get $t) (i32.add (local.get $t) (i32.const 1))) (local.get $t))
      (then (return (i32.const -2))))
    (i32.atomic.store (i32.add (local.get $states) (i32.mul (local.get $v) (local.get $stride))) (local.get $mark))
    (local.get $v))

  ;; Any thread. How many values wait: a hint, since it may be old on return; never negative.
  (func (export "dequeSize") (param $d i32) (result i32)
    (local $n i32)
    (local.set $n (i32.atomic.load offset=128 (local.get $d)))
    (local.set $n (i32.sub (i32.atomic.load offset=256 (local.get $d)) (local.get $n)))
    (select (local.get $n) (i32.const 0) (i32.gt_s (local.get $n) (i32.const 0))))

  ;; ------------------------------------------------------------------------------------------------------------------
  ;; Completion ring: any number of producers (workers), one consumer (the thread that submitted the requests).
  ;;   byte  name      written by         read by        meaning
  ;;      0  MASK      create             all            capacity - 1; a power of two
  ;;    128  TAIL      producers, add     -              next ticket to write (free-running)
  ;;    256  HEAD      consumer (plain)   consumer       next ticket to read (free-running)
  ;;    384  cell 0..  ticket holder;     consumer       4 bytes each: value + 1, or 0 = not written yet
  ;;                   consumer (clears)
  ;; C1  At most `capacity` values are between a push and their pop. The caller guarantees it (a slot completes once and
  ;;     there are no more slots than cells), so that a push needs no look at HEAD, no loop, and cannot fail.
  ;; C2  A cell is non-zero from the store of its ticket's holder until the consumer clears it, which it does before it advances.
  ;; C3  Values of one producer come out in the order in which it pushed them.
  ;; Progress: push is wait-free (one add, one store); pop is wait-free. A producer that stops between the two hides
  ;; later completions until it goes on; by (T) a killed worker cannot stop there.
  ;; Rejected: a Vyukov ring (its CAS loop and turn counter pay for a FULL that cannot happen here).

  (func (export "completionPush") (param $r i32) (param $value i32)
    (i32.atomic.store offset=384
      (i32.add (local.get $r)
        (i32.shl
          (i32.and (i32.atomic.rmw.add offset=128 (local.get $r) (i32.const 1)) (i32.load (local.get $r)))  ;; claim a ticket
          (i32.const 2)))
      (i32.add (local.get $value) (i32.const 1))))                        ;; publish (release)

  ;; Moves the state at $state from $expected to $next and, if that was the state, pushes: one holder completes a
  ;; request, once, even when the supervisor and a worker race for it. 1 if it was this caller.
  (func (export "completionFinish") (param $r i32) (param $value i32) (param $state i32) (param $expected i32) (param $next i32) (result i32)
    (if (i32.ne (i32.atomic.rmw.cmpxchg (local.get $state) (local.get $expected) (local.get $next)) (local.get $expected))
      (then (return (i32.const 0))))
    (i32.atomic.store offset=384
      (i32.add (local.get $r)
        (i32.shl
          (i32.and (i32.atomic.rmw.add offset=128 (local.get $r) (i32.const 1)) (i32.load (local.get $r)))
          (i32.const 2)))
      (i32.add (local.get $value) (i32.const 1)))
    (i32.const 1))

  ;; Consumer only. A value, or EMPTY.
  (func (export "completionPop") (param $r i32) (result i32)
    (local $h i32) (local $cell i32) (local $v i32)
    (local.set $h (i32.load offset=256 (local.get $r)))
    (local.set $cell (i32.add (local.get $r) (i32.shl (i32.and (local.get $h) (i32.load (local.get $r))) (i32.const 2))))
    (local.set $v (i32.atomic.load offset=384 (local.get $cell)))         ;; observe (acquire): pairs with publish
    (if (i32.eqz (local.get $v)) (then (return (i32.const -1))))
    (i32.atomic.store offset=384 (local.get $cell) (i32.const 0))
    (i32.store offset=256 (local.get $r) (i32.add (local.get $h) (i32.const 1)))
    (i32.sub (local.get $v) (i32.const 1)))

  ;; ------------------------------------------------------------------------------------------------------------------
  ;; Free list of indices (request slots, chunks): a Treiber stack whose head carries a tag.
  ;;   byte  name      written by    read by   meaning
  ;;      0  HEAD      all, CAS      all       i64: tag << 32 | index + 1 of the top (0 = none left)
  ;;    128  FREE      all, add      all       how many are in the list (a hint: it trails HEAD)
  ;;    256  NEXT 0..  holder        all       4 bytes an index: index + 1 of the one below (0 = the last)
  ;; F1  The tag grows by one with each successful change of HEAD, so that a CAS succeeds only if nothing happened between. A thread
  ;;     would have to sleep through exactly 2^32 changes to be fooled (ABA).
  ;; F2  An index is in the list at most once, and its NEXT cell belongs to the list while it is there, to its holder otherwise.
  ;; Progress: lock-free.
  ;; After R. K. Treiber, "Systems Programming: Coping with Parallelism" (1986).

  ;; An index, or EMPTY.
  (func (export "freePop") (param $f i32) (result i32)
    (local $h i64) (local $i i32)
    (loop $again
      (local.set $h (i64.atomic.load (local.get $f)))                     ;; acquire: pairs with the CAS of freePushChain
      (local.set $i (i32.wrap_i64 (local.get $h)))
      (if (i32.eqz (local.get $i)) (then (return (i32.const -1))))
      (local.set $i (i32.sub (local.get $i) (i32.const 1)))
      (br_if $again
        (i64.ne (local.get $h)
          (i64.atomic.rmw.cmpxchg (local.get $f) (local.get $h)            ;; claim
            (i64.or
              (i64.and (i64.add (local.get $h) (i64.const 0x100000000)) (i64.const 0xffffffff00000000))
              (i64.extend_i32_u
                (i32.atomic.load offset=256 (i32.add (local.get $f) (i32.shl (local.get $i) (i32.const 2))))))))))  ;; may be stale: then the tag differs (F1)
    (drop (i32.atomic.rmw.sub offset=128 (local.get $f) (i32.const 1)))
    (local.get $i))

  ;; Gives back the chain first -> … -> last ($count indices linked through NEXT) in one step; one index is a chain of itself.
  (func $freePushChain (export "freePushChain") (param $f i32) (param $first i32) (param $last i32) (param $count i32)
    (local $h i64) (local $next i32)
    (local.set $next (i32.add (local.get $f) (i32.shl (local.get $last) (i32.const 2))))
    (loop $again
      (local.set $h (i64.atomic.load (local.get $f)))
      (i32.atomic.store offset=256 (local.get $next) (i32.wrap_i64 (local.get $h)))
      (br_if $again
        (i64.ne (local.get $h)
          (i64.atomic.rmw.cmpxchg (local.get $f) (local.get $h)            ;; publish (release): NEXT of the chain
            (i64.or
              (i64.and (i64.add (local.get $h) (i64.const 0x100000000)) (i64.const 0xffffffff00000000))
              (i64.extend_i32_u (i32.add (local.get $first) (i32.const 1))))))))
    (drop (i32.atomic.rmw.add offset=128 (local.get $f) (local.get $count))))

  ;; ------------------------------------------------------------------------------------------------------------------
  ;; Chain: the chunks of one body, linked through the NEXT cells of the chunk pool's free list.
  ;;   byte  name    meaning (all plain: a chain belongs to whoever holds the request)
  ;;      0  FIRST   index + 1 of the first chunk (0 = none)
  ;;      4  LAST    index + 1 of the last chunk
  ;;      8  COUNT   chunks in the chain
  ;;     12  BYTES   bytes of the body, in the slot's inline part and the chunks together (written by the holder)
  ;; K1  FIRST = 0 iff COUNT = 0, and then no chunk belongs to this chain.

  ;; Takes a chunk from the pool and links it behind the last one. Its index, or EMPTY when the pool is used up.
  (func (export "chainAppend") (param $c i32) (param $f i32) (result i32)
    (local $h i64) (local $i i32)
    (loop $again
      (local.set $h (i64.atomic.load (local.get $f)))
      (local.set $i (i32.wrap_i64 (local.get $h)))
      (if (i32.eqz (local.get $i)) (then (return (i32.const -1))))
      (local.set $i (i32.sub (local.get $i) (i32.const 1)))
      (br_if $again
        (i64.ne (local.get $h)
          (i64.atomic.rmw.cmpxchg (local.get $f) (local.get $h)
            (i64.or
              (i64.and (i64.add (local.get $h) (i64.const 0x100000000)) (i64.const 0xffffffff00000000))
              (i64.extend_i32_u
                (i32.atomic.load offset=256 (i32.add (local.get $f) (i32.shl (local.get $i) (i32.const 2))))))))))
    ;; From here to the end straight on (T): the chunk is linked before anything can stop this thread.
    (i32.atomic.store offset=256 (i32.add (local.get $f) (i32.shl (local.get $i) (i32.const 2))) (i32.const 0))
    (if (i32.load (local.get $c))
      (then
        (i32.atomic.store offset=256
          (i32.add (local.get $f) (i32.shl (i32.sub (i32.load offset=4 (local.get $c)) (i32.const 1)) (i32.const 2)))
          (i32.add (local.get $i) (i32.const 1))))
      (else (i32.store (local.get $c) (i32.add (local.get $i) (i32.const 1)))))
    (i32.store offset=4 (local.get $c) (i32.add (local.get $i) (i32.const 1)))
    (i32.store offset=8 (local.get $c) (i32.add (i32.load offset=8 (local.get $c)) (i32.const 1)))
    (drop (i32.atomic.rmw.sub offset=128 (local.get $f) (i32.const 1)))
    (local.get $i))

  ;; The chunk behind chunk $i, or EMPTY.
  (func (export "chainNext") (param $f i32) (param $i i32) (result i32)
    (i32.sub
      (i32.atomic.load offset=256 (i32.add (local.get $f) (i32.shl (local.get $i) (i32.const 2))))
      (i32.const 1)))

  ;; Gives all chunks back and empties the chain. It clears FIRST only behind the push: a thread that is stopped in the push's
  ;; loop has not pushed, and whoever answers for it releases the chain again.
  (func (export "chainRelease") (param $c i32) (param $f i32)
    (local $h i64) (local $next i32)
    (if (i32.load (local.get $c))
      (then
        (local.set $next (i32.add (local.get $f) (i32.shl (i32.sub (i32.load offset=4 (local.get $c)) (i32.const 1)) (i32.const 2))))
        (loop $again
          (local.set $h (i64.atomic.load (local.get $f)))
          (i32.atomic.store offset=256 (local.get $next) (i32.wrap_i64 (local.get $h)))
          (br_if $again
            (i64.ne (local.get $h)
              (i64.atomic.rmw.cmpxchg (local.get $f) (local.get $h)
                (i64.or
                  (i64.and (i64.add (local.get $h) (i64.const 0x100000000)) (i64.const 0xffffffff00000000))
                  (i64.extend_i32_u (i32.load (local.get $c))))))))
        (drop (i32.atomic.rmw.add offset=128 (local.get $f) (i32.load offset=8 (local.get $c))))
        (i32.store (local.get $c) (i32.const 0))
        (i32.store offset=4 (local.get $c) (i32.const 0))
        (i32.store offset=8 (local.get $c) (i32.const 0))))
    (i32.store offset=12 (local.get $c) (i32.const 0)))

  ;; ------------------------------------------------------------------------------------------------------------------
  ;; Lot: where workers sleep (an eventcount with a place for each worker). At most 64 workers.
  ;;   byte  name        written by       read by      meaning
  ;;      0  SLEEPERS    all, or/and      all          i64: bit w = worker w sleeps or is about to
  ;;    128  SEARCHERS   all, or/and      all          i64: bit w = worker w is awake and looking for work
  ;;    256  WAKE w      all, store       worker w     128 bytes a worker: 0 = sleep, 1 = woken; the word that w waits on
  ;; P1  A producer publishes, then looks at SEARCHERS and SLEEPERS; a worker sets its bit in SLEEPERS, clears the one in SEARCHERS, then looks
  ;;     at the queues. All are seq-cst, so at least one sees the other: no wake-up is lost.
  ;; P2  A worker is in SLEEPERS or in SEARCHERS or in neither (it runs a guest); whoever takes the bit out of SLEEPERS must
  ;;     wake it.
  ;; P3  While somebody searches, producers wake nobody: the searcher that finds work hands the search on (wakeOne) if there may be more.
  ;;     So a burst costs one futex call, not one a request.
  ;; Masks, not counts: when a worker dies the supervisor clears its bits, and no count is off for ever after.
  ;; The wait itself is Atomics.wait, in parker.ts alone.
  ;; After the idle lists of Go's and Tokio's schedulers.

  ;; Wakes one sleeper unless somebody searches already. The worker's number, or -1.
  (func (export "wakeOne") (param $p i32) (result i32)
    (if (i64.ne (i64.atomic.load offset=128 (local.get $p)) (i64.const 0)) (then (return (i32.const -1))))  ;; store-load with the caller's publish (P1)
    (call $wakeAny (local.get $p)))

  ;; Wakes the sleeper with the lowest number (so that few workers stay warm while load is low). Its number, or -1.
  (func $wakeAny (export "wakeAny") (param $p i32) (result i32)
    (local $m i64) (local $bit i64) (local $w i32)
    (loop $again
      (local.set $m (i64.atomic.load (local.get $p)))
      (if (i64.eqz (local.get $m)) (then (return (i32.const -1))))
      (local.set $bit (i64.and (local.get $m) (i64.sub (i64.const 0) (local.get $m))))
      (br_if $again
        (i64.eqz (i64.and (local.get $bit)
          (i64.atomic.rmw.and (local.get $p) (i64.xor (local.get $bit) (i64.const -1)))))))  ;; claim: who clears the bit wakes (P2)
    (local.set $w (i32.wrap_i64 (i64.ctz (local.get $bit))))
    (drop (i64.atomic.rmw.or offset=128 (local.get $p) (local.get $bit)))
    (local.set $p (i32.add (local.get $p) (i32.shl (local.get $w) (i32.const 7))))
    (i32.atomic.store offset=256 (local.get $p) (i32.const 1))
    (drop (memory.atomic.notify offset=256 (local.get $p) (i32.const 1)))
    (local.get $w))

  ;; Wakes worker $w for whatever reason (a message for it, the end). 1 if it slept.
  (func (export "wakeWorker") (param $p i32) (param $w i32) (result i32)
    (local $bit i64)
    (local.set $bit (i64.shl (i64.const 1) (i64.extend_i32_u (local.get $w))))
    (if (i64.eqz (i64.and (local.get $bit) (i64.atomic.rmw.and (local.get $p) (i64.xor (local.get $bit) (i64.const -1)))))
      (then (return (i32.const 0))))
    (drop (i64.atomic.rmw.or offset=128 (local.get $p) (local.get $bit)))
    (local.set $p (i32.add (local.get $p) (i32.shl (local.get $w) (i32.const 7))))
    (i32.atomic.store offset=256 (local.get $p) (i32.const 1))
    (drop (memory.atomic.notify offset=256 (local.get $p) (i32.const 1)))
    (i32.const 1))

  ;; Worker $w announces that it will sleep (P1). It must look at the queues behind this, and then wait or cancel.
  (func (export "sleepBegin") (param $p i32) (param $w i32)
    (local $bit i64)
    (local.set $bit (i64.shl (i64.const 1) (i64.extend_i32_u (local.get $w))))
    (i32.atomic.store offset=256 (i32.add (local.get $p) (i32.shl (local.get $w) (i32.const 7))) (i32.const 0))
    (drop (i64.atomic.rmw.or (local.get $p) (local.get $bit)))
    (drop (i64.atomic.rmw.and offset=128 (local.get $p) (i64.xor (local.get $bit) (i64.const -1)))))

  ;; Worker $w does not sleep any more (found work, or its time is up): it searches again, whether it was woken or not.
  (func (export "sleepEnd") (param $p i32) (param $w i32)
    (local $bit i64)
    (local.set $bit (i64.shl (i64.const 1) (i64.extend_i32_u (local.get $w))))
    (drop (i64.atomic.rmw.or offset=128 (local.get $p) (local.get $bit)))
    (drop (i64.atomic.rmw.and (local.get $p) (i64.xor (local.get $bit) (i64.const -1)))))

  (func (export "searchBegin") (param $p i32) (param $w i32)
    (drop (i64.atomic.rmw.or offset=128 (local.get $p) (i64.shl (i64.const 1) (i64.extend_i32_u (local.get $w))))))

  ;; Worker $w found work. 1 if it was the last that searched: it then looks whether there is more, and hands the search on (P3).
  (func (export "searchEnd") (param $p i32) (param $w i32) (result i32)
    (local $bit i64)
    (local.set $bit (i64.shl (i64.const 1) (i64.extend_i32_u (local.get $w))))
    (i64.eq (local.get $bit) (i64.atomic.rmw.and offset=128 (local.get $p) (i64.xor (local.get $bit) (i64.const -1)))))

  ;; Removes a dead worker from the lot.
  (func (export "lotForget") (param $p i32) (param $w i32)
    (local $mask i64)
    (local.set $mask (i64.xor (i64.shl (i64.const 1) (i64.extend_i32_u (local.get $w))) (i64.const -1)))
    (drop (i64.atomic.rmw.and (local.get $p) (local.get $mask)))
    (drop (i64.atomic.rmw.and offset=128 (local.get $p) (local.get $mask))))

  (func (export "searchers") (param $p i32) (result i32)
    (i32.wrap_i64 (i64.popcnt (i64.atomic.load offset=128 (local.get $p)))))

  ;; ------------------------------------------------------------------------------------------------------------------
  ;; Bell: wakes a thread that sleeps in its event loop (Atomics.waitAsync on the word).
  ;;   byte  name    written by                          meaning
  ;;      0  ARMED   the sleeper sets, a ringer clears   1 = the sleeper waits for a ring
  ;; B1  The sleeper stores ARMED, then looks at its ring once more; a ringer publishes, then looks at ARMED: both seq-cst, so one
  ;;     of them sees the other. Only the ringer that clears ARMED notifies, so a busy sleeper costs its ringers one load.

  (func (export "bellRing") (param $b i32)
    (if (i32.eqz (i32.atomic.load (local.get $b))) (then (return)))       ;; store-load with the caller's publish (B1)
    (if (i32.eqz (i32.atomic.rmw.xchg (local.get $b) (i32.const 0))) (then (return)))
    (drop (memory.atomic.notify (local.get $b) (i32.const 1))))

  ;; ------------------------------------------------------------------------------------------------------------------
  ;; Single cells, for TypeScript: a third of the price of Atomics.* and, for the 64-bit ones, no BigInt.

  (func (export "load32") (param $a i32) (result i32) (i32.atomic.load (local.get $a)))
  (func (export "store32") (param $a i32) (param $v i32) (i32.atomic.store (local.get $a) (local.get $v)))
  (func (export "add32") (param $a i32) (param $v i32) (result i32) (i32.atomic.rmw.add (local.get $a) (local.get $v)))
  (func (export "cas32") (param $a i32) (param $expected i32) (param $next i32) (result i32)
    (i32.atomic.rmw.cmpxchg (local.get $a) (local.get $expected) (local.get $next)))
  (func (export "loadF64") (param $a i32) (result f64) (f64.reinterpret_i64 (i64.atomic.load (local.get $a))))
  (func (export "storeF64") (param $a i32) (param $v f64) (i64.atomic.store (local.get $a) (i64.reinterpret_f64 (local.get $v))))
)
