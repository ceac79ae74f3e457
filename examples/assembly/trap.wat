;; /trap?KIND ends in the trap of that name: what a host must survive, and answer with 500.
;;   div0         integer division by zero
;;   unreachable  the instruction itself; also without a query
;;   oob          load behind the end of memory
;;   indirect     call through a table entry that is empty
;;   stack        recursion without end
;; Written as text because an optimizing compiler may prove a trap and put another in its place.
(module
  (import "luge" "query" (func $query (param i32 i32) (result i32)))
  (import "luge" "status" (func $status (param i32)))
  (import "luge" "write" (func $write (param i32 i32) (result i32)))
  (type $handler (func))
  (memory (export "memory") 1)
  (table 1 funcref)

  ;; 0..15 the query, then the names, then the answer to any other query.
  (data (i32.const 16) "div0")
  (data (i32.const 20) "unreachable")
  (data (i32.const 31) "oob")
  (data (i32.const 34) "indirect")
  (data (i32.const 42) "stack")
  (data (i32.const 64) "trap: expected ?div0, ?unreachable, ?oob, ?indirect or ?stack\n")

  (func $same (param $a i32) (param $b i32) (param $bytes i32) (result i32)
    (loop $next
      (if (i32.eqz (local.get $bytes)) (then (return (i32.const 1))))
      (local.set $bytes (i32.sub (local.get $bytes) (i32.const 1)))
      (br_if $next
        (i32.eq
          (i32.load8_u (i32.add (local.get $a) (local.get $bytes)))
          (i32.load8_u (i32.add (local.get $b) (local.get $bytes))))))
    (i32.const 0))

  (func $isQuery (param $queryBytes i32) (param $name i32) (param $nameBytes i32) (result i32)
    (if (result i32) (i32.eq (local.get $queryBytes) (local.get $nameBytes))
      (then (call $same (i32.const 0) (local.get $name) (local.get $nameBytes)))
      (else (i32.const 0))))

  ;; The sum needs $depth after the call, so that this is no tail call and no loop.
  (func $recurse (param $depth i32) (result i32)
    (i32.add
      (local.get $depth)
      (call $recurse (i32.add (local.get $depth) (i32.const 1)))))

  (func (export "handle")
    (local $bytes i32)
    (local.set $bytes (call $query (i32.const 0) (i32.const 16)))
    (if (i32.eqz (local.get $bytes))
      (then (unreachable)))
    (if (call $isQuery (local.get $bytes) (i32.const 16) (i32.const 4))
      (then (drop (i32.div_u (i32.const 1) (i32.load (i32.const 128))))))
    (if (call $isQuery (local.get $bytes) (i32.const 20) (i32.const 11))
      (then (unreachable)))
    (if (call $isQuery (local.get $bytes) (i32.const 31) (i32.const 3))
      (then (drop (i32.load (i32.const 0xfffffff0)))))
    (if (call $isQuery (local.get $bytes) (i32.const 34) (i32.const 8))
      (then (call_indirect (type $handler) (i32.const 0))))
    (if (call $isQuery (local.get $bytes) (i32.const 42) (i32.const 5))
      (then (drop (call $recurse (i32.const 1)))))
    (call $status (i32.const 400))
    (drop (call $write (i32.const 64) (i32.const 62)))))
