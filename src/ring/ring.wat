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
;;   something or won a race: ask again), FULL = -3. RETRY never stands for EMPTY or FULL, nor they for it.
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

(module
  (import "luge" "arena" (memory 1 65536 shared))
  ;; @include deque mpmc spsc completion free-list chain heap budget table lot bell cell
)
