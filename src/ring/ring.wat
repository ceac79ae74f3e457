;; The lock-free structures of Luge, as plain functions on addresses in one shared memory.
;;
;; This file holds the conventions; each structure has a file of its own, and scripts/assemble-ring.ts makes one module of them
;; all: one instance per thread, whatever it uses. Each file opens with contract, layout, invariants and progress.
;;
;; Why WebAssembly text and not TypeScript: Atomics.* in JavaScript are calls of builtins (11-24 ns each even when hot),
;; whereas an atomic instruction here is one machine instruction behind a bounds and an alignment check. `npm run bench -- ring`
;; runs the same algorithms in both, and in C++.
;;
;; Conventions
;;   Every thread instantiates this module over the same memory. All addresses and values are i32; values are indices >= 0.
;;   Results: a value or a count >= 0 is success; EMPTY = -1 (nothing there), RETRY = -2 (another thread is in the middle of
;;   something or won a race: ask again), FULL = -3, GONE - value (GONE = -4) see M. RETRY never stands for EMPTY or FULL, nor they for it.
;;   Each structure begins at a multiple of 128 with IDENTITY: 'L' 'R', kind, version (0x4c52kkvv; the kinds stand in identity.ts).
;;   Counters run free and wrap at 2^32; they are compared by signed difference or for equality only.
;;   Cells that different threads write are 128 bytes apart (two lines: the adjacent-line prefetcher of x86 pulls pairs).
;;   All Wasm atomics are sequentially consistent; the comment at each access names the ordering that it needs. A cell is
;;   always accessed atomically, or always plainly; plain cells are published by an atomic one. The model checker holds it:
;;   it delays plain stores for as long as the memory model lets it, and reports a cell that is accessed both ways.
;;
;; A batch is a record in memory that belongs to the calling thread:
;;   byte  name      meaning
;;      0  COUNT     values taken; written by the functions that take
;;      4  value 0.. 4 bytes each
;;
;; Termination safety (T). worker.terminate() stops a thread only at a stack check, and V8 places those at function entries and
;; loop headers. So between the instruction that takes something (a successful CAS, an add) and the stores
;; that record who has it, there is neither a call nor a loop: a worker that is killed either did both or neither, and its
;; supervisor finds each value either where it was or marked with its holder. Batches keep to it by copying before they
;; claim (a claim that fails makes the copy void), and the heap by a journal. Exceptions are named where they are.
;;
;; Values that are taken back (M). Who pushed a value can take back what it stands for, though not the value itself, which may lie in the middle of a
;; queue. Two bits of the state where takers put their marks say so: 0x1000 WITHDRAWN (set by CAS while the value waits: who pushed it holds again what
;; it stands for), and 0x2000 STALE in its place (set by CAS, too: nobody holds that any more). Both sides use CAS, so that one of them has it. Who takes
;; such a value out of the queue stores, in one breath with that (T), for a WITHDRAWN one 3 (DONE: it is in no queue any more), and says RETRY; for a
;; STALE one 0x500 + the lowest byte of its mark, and says GONE - value: it gives the value back to the free list. So a value is free again
;; when both are through with it, who pushed it and who took it out, and no sooner. 2 is the state QUEUED.

(module
  (import "luge" "arena" (memory 1 65536 shared))
  ;; @include deque mpmc spsc completion free-list chain heap budget table lot bell cell
)
