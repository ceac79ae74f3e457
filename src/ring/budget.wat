;; Budget: running time that somebody may use in each period, of all threads together; replenished whole when the next period begins
;; (a deferrable server: what is not used is kept until then, and lost then).
;;   byte  name       written by          read by   meaning
;;      0  IDENTITY   create              attach    0x4c5209vv
;;      8  PERIOD_NS  owner, f64          all       (atomic) length of a period; 0 = there is no budget
;;     16  MOST_NS    owner, f64          all       (atomic) of each period
;;    128  USED       all, CAS            all       i64: high half the number of a period (modulo 2^32), low half what was used in it, u32,
;;                                                  in units of 1024 ns
;; G1  USED counts each charge once, in the period in which it was charged: number and amount change in one CAS.
;; G2  A period's first charge, or look, finds nothing used, whoever else is at it: there is no step of replenishing that could be late, be
;;     forgotten or die half-way. Periods begin at multiples of PERIOD_NS on the callers' clock.
;; G3  The number does not go back by a charge that is late (its thread read the clock before the period ended): that counts in the new
;;     period. Numbers up to 1023 ahead are taken for newer; all others are old, however long nobody charged anything.
;; Progress: budgetLeft is wait-free; budgetCharge is lock-free (it goes round only when another charge got in).
;; Deferrable server: J. Strosnider, J. Lehoczky, L. Sha (1995).
;; Rejected: a timer that refills (SLEdge's never ran, and its paying tenants were best effort for good after the first period); a cell
;; that is counted down, and a second one for the period (between the two writes a charge is lost).

  ;; Number of the period at $now; 0 where there is none.
  (func $budgetPeriod (param $b i32) (param $now f64) (result i32)
    (i32.wrap_i64 (i64.trunc_sat_f64_s (f64.div (local.get $now)
      (f64.reinterpret_i64 (i64.atomic.load offset=8 (local.get $b)))))))

  ;; Any thread. Nanoseconds that are left at $now, below 0 when more was used; 0 where there is no budget.
  (func (export "budgetLeft") (param $b i32) (param $now f64) (result f64)
    (local $used i64) (local $most f64)
    (local.set $most (f64.reinterpret_i64 (i64.atomic.load offset=16 (local.get $b))))
    (local.set $used (i64.atomic.load offset=128 (local.get $b)))
    (if (i32.gt_u
          (i32.sub (i32.wrap_i64 (i64.shr_u (local.get $used) (i64.const 32))) (call $budgetPeriod (local.get $b) (local.get $now)))
          (i32.const 1023))
      (then (return (local.get $most))))
    (f64.sub (local.get $most)
      (f64.mul (f64.const 1024) (f64.convert_i64_u (i64.and (local.get $used) (i64.const 0xffffffff))))))

  ;; Any thread. Adds $units to what was used in the period of $now; it stays at the highest where it would go beyond.
  (func (export "budgetCharge") (param $b i32) (param $now f64) (param $units i32)
    (local $period i32) (local $used i64) (local $sum i64)
    (local.set $period (call $budgetPeriod (local.get $b) (local.get $now)))
    (loop $again
      (local.set $used (i64.atomic.load offset=128 (local.get $b)))
      (local.set $sum
        (if (result i64)
            (i32.gt_u (i32.sub (i32.wrap_i64 (i64.shr_u (local.get $used) (i64.const 32))) (local.get $period)) (i32.const 1023))
          (then (i64.shl (i64.extend_i32_u (local.get $period)) (i64.const 32)))   ;; the first of its period (G2)
          (else (local.get $used))))
      (local.set $sum
        (if (result i64)
            (i64.gt_u
              (i64.add (i64.and (local.get $sum) (i64.const 0xffffffff)) (i64.extend_i32_u (local.get $units)))
              (i64.const 0xffffffff))
          (then (i64.or (local.get $sum) (i64.const 0xffffffff)))
          (else (i64.add (local.get $sum) (i64.extend_i32_u (local.get $units))))))
      (br_if $again
        (i64.ne (local.get $used)
          (i64.atomic.rmw.cmpxchg offset=128 (local.get $b) (local.get $used) (local.get $sum))))))   ;; publish; nothing else hangs on it
