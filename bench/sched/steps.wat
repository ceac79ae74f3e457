;; A guest whose work is counted, not timed: the body is a seed and a number of steps (two u32), the answer the state behind them (u32).
;; Each step needs the one before, so that no compiler shortens the loop; what it has to answer is known without making the steps (steps.ts).
(module
  (import "luge" "body_read" (func $body_read (param i32 i32 i32) (result i32)))
  (import "luge" "write" (func $write (param i32 i32) (result i32)))
  (memory (export "memory") 1)

  (func (export "handle")
    (if (i32.ne (call $body_read (i32.const 0) (i32.const 0) (i32.const 8)) (i32.const 8))
      (then unreachable))
    (i32.store (i32.const 8)
      (call $steps (i32.load (i32.const 0)) (i32.load (i32.const 4))))
    (drop (call $write (i32.const 8) (i32.const 4))))

  ;; In slices, since a function that V8 compiles better while it runs goes on as it was until it is entered again.
  (func $steps (param $state i32) (param $left i32) (result i32)
    (local $part i32)
    (loop $again
      (if (local.get $left)
        (then
          (local.set $part (select (local.get $left) (i32.const 1000)
            (i32.lt_u (local.get $left) (i32.const 1000))))
          (local.set $state (call $slice (local.get $state) (local.get $part)))
          (local.set $left (i32.sub (local.get $left) (local.get $part)))
          (br $again))))
    (local.get $state))

  (func $slice (param $state i32) (param $left i32) (result i32)
    (loop $again
      (local.set $state (i32.add
        (i32.mul (local.get $state) (i32.const 1664525))
        (i32.const 1013904223)))
      (br_if $again (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
    (local.get $state)))
