/** Faults that people make in such code, one each, and the scenarios that have to find them. */
import type { Patch } from './ring-under-test.ts';

export interface Mutant {
  readonly name: string;
  /** Names of scenarios begin with this. */
  readonly foundBy: string;
  readonly patches: readonly Patch[];
}

function mutant(name: string, foundBy: string, file: string, from: string, to: string): Mutant {
  return { name, foundBy, patches: [{ file, from, to }] };
}

const ITEM_WRITE = '        (i64.store (local.get $e) (i64.load offset=400 (local.get $h)))\n';
const NEXT_TAG =
  '(i64.and (i64.add (local.get $h) (i64.const 0x100000000)) (i64.const 0xffffffff00000000))';
const SAME_TAG = '(i64.and (local.get $h) (i64.const 0xffffffff00000000))';

export const MUTANTS: readonly Mutant[] = [
  // --- deque
  mutant(
    'deque_the_owner_takes_the_last_value_without_telling_thieves',
    'deque/last-item',
    'deque.wat',
    '(if (i32.lt_s (local.get $n) (i32.load offset=8 (local.get $d)))   ;;',
    '(if (i32.const 0)   ;;',
  ),
  mutant(
    'deque_the_owner_tells_thieves_one_value_too_late',
    'deque/batch',
    'deque.wat',
    '(if (i32.lt_s (local.get $n) (i32.load offset=8 (local.get $d)))   ;;',
    '(if (i32.lt_s (local.get $n) (i32.sub (i32.load offset=8 (local.get $d)) (i32.const 1)))   ;;',
  ),
  mutant(
    'deque_bottom_is_published_before_the_cell',
    'deque/last-item',
    'deque.wat',
    '    (i32.store offset=384\n      (i32.add (local.get $d) (i32.shl (i32.and (local.get $b)',
    '    (i32.atomic.store offset=256 (local.get $d) (i32.add (local.get $b) (i32.const 1)))\n    (i32.store offset=384\n      (i32.add (local.get $d) (i32.shl (i32.and (local.get $b)',
  ),
  mutant(
    'deque_the_owner_reserves_with_a_plain_store',
    'deque/two-thieves',
    'deque.wat',
    '(i32.atomic.store offset=256 (local.get $d) (local.get $b))          ;; reserve',
    '(i32.store offset=256 (local.get $d) (local.get $b))          ;; reserve',
  ),
  mutant(
    'deque_holds_one_value_too_many',
    'deque/full',
    'deque.wat',
    '          (i32.load offset=4 (local.get $d)))\n      (then (return (i32.const -3))))',
    '          (i32.add (i32.load offset=4 (local.get $d)) (i32.const 1)))\n      (then (return (i32.const -3))))',
  ),
  mutant(
    'deque_a_thief_expects_whatever_top_is_now',
    'deque/two-thieves',
    'deque.wat',
    '(i64.atomic.rmw.cmpxchg offset=128 (local.get $d) (local.get $top)   ;; claim\n',
    '(i64.atomic.rmw.cmpxchg offset=128 (local.get $d) (i64.atomic.load offset=128 (local.get $d))   ;; claim\n',
  ),
  mutant(
    'deque_a_thief_compares_without_a_sign',
    'deque/last-item',
    'deque.wat',
    '(if (i32.le_s (i32.sub (i32.atomic.load offset=256 (local.get $d)) (local.get $t)) (i32.const 0))  ;; acquire',
    '(if (i32.le_u (i32.sub (i32.atomic.load offset=256 (local.get $d)) (local.get $t)) (i32.const 0))  ;; acquire',
  ),
  mutant(
    'deque_full_is_told_by_absolute_counters',
    'deque/full',
    'deque.wat',
    `          (i32.sub (local.get $b) (i32.wrap_i64 (i64.atomic.load offset=128 (local.get $d))))  ;; acquire: pairs with the thieves' CAS (D3)
          (i32.load offset=4 (local.get $d)))`,
    `          (local.get $b)
          (i32.add (i32.wrap_i64 (i64.atomic.load offset=128 (local.get $d))) (i32.load offset=4 (local.get $d))))`,
  ),
  mutant(
    'deque_a_value_can_be_stolen_before_it_is_marked',
    'deque/push-mark',
    'deque.wat',
    `    (i32.atomic.store (local.get $state) (local.get $mark))
    (i32.atomic.store offset=256 (local.get $d) (i32.add (local.get $next) (i32.const 1)))
`,
    `    (i32.atomic.store offset=256 (local.get $d) (i32.add (local.get $next) (i32.const 1)))
    (i32.atomic.store (local.get $state) (local.get $mark))
`,
  ),
  mutant(
    'deque_a_refused_value_is_marked',
    'deque/push-mark',
    'deque.wat',
    '(local.set $next (i32.atomic.load offset=256 (local.get $d)))',
    '(local.set $next (i32.atomic.load offset=256 (local.get $d)))\n    (i32.atomic.store (local.get $state) (local.get $mark))',
  ),
  mutant(
    'deque_an_owner_can_die_between_mark_and_publishing',
    'deque/killed-push-mark',
    'deque.wat',
    '    (i32.atomic.store (local.get $state) (local.get $mark))\n    (i32.atomic.store offset=256',
    '    (i32.atomic.store (local.get $state) (local.get $mark))\n    (loop $stop)\n    (i32.atomic.store offset=256',
  ),
  mutant(
    'deque_what_was_taken_back_is_taken_all_the_same',
    'global/taken-back',
    'deque.wat',
    '(if (i32.eqz (i32.and (local.get $was) (i32.const 0x3000)))',
    '(if (i32.const 1)',
  ),
  mutant(
    'deque_a_slot_is_free_before_its_producer_is_through_with_it',
    'global/taken-back',
    'deque.wat',
    '(if (i32.and (local.get $was) (i32.const 0x1000))',
    '(if (i32.const 0)',
  ),
  mutant(
    'heap_what_was_taken_back_is_taken_all_the_same',
    'global/taken-back',
    'heap.wat',
    '(if (i32.eqz (i32.and (local.get $was) (i32.const 0x3000)))',
    '(if (i32.const 1)',
  ),
  mutant(
    'heap_a_slot_is_free_before_its_producer_is_through_with_it',
    'global/taken-back',
    'heap.wat',
    '(if (i32.and (local.get $was) (i32.const 0x1000))',
    '(if (i32.const 0)',
  ),
  // --- budget
  mutant(
    'budget_a_charge_expects_whatever_is_there_now',
    'budget/charges',
    'budget.wat',
    '(i64.atomic.rmw.cmpxchg offset=128 (local.get $b) (local.get $used) (local.get $sum))',
    '(i64.atomic.rmw.cmpxchg offset=128 (local.get $b) (i64.atomic.load offset=128 (local.get $b)) (local.get $sum))',
  ),
  mutant(
    'budget_a_late_charge_takes_the_period_back',
    'budget/turn',
    'budget.wat',
    '(local.get $period)) (i32.const 1023))\n          (then (i64.shl',
    '(local.get $period)) (i32.const 0))\n          (then (i64.shl',
  ),
  mutant(
    'budget_a_period_begins_with_what_was_used',
    'budget/turn',
    'budget.wat',
    '(then (i64.shl (i64.extend_i32_u (local.get $period)) (i64.const 32)))',
    '(then (i64.or (i64.shl (i64.extend_i32_u (local.get $period)) (i64.const 32)) (i64.and (local.get $used) (i64.const 0xffffffff))))',
  ),
  mutant(
    'budget_a_thread_can_be_stopped_with_its_charge_half_made',
    'budget/killed',
    'budget.wat',
    '    (loop $again\n',
    '    (i64.atomic.store offset=128 (local.get $b) (i64.add (i64.atomic.load offset=128 (local.get $b)) (i64.extend_i32_u (local.get $units))))\n    (loop $again\n',
  ),
  // --- MPMC
  mutant(
    'mpmc_publishes_with_a_plain_store',
    'mpmc/one-each',
    'mpmc.wat',
    '    (i64.atomic.store offset=384                                          ;; publish (release)',
    '    (i64.store offset=384                                          ;; publish (release)',
  ),
  mutant(
    'mpmc_holds_one_value_too_many',
    'mpmc/full-and-lap',
    'mpmc.wat',
    '(if (i32.gt_s (i32.sub (local.get $t) (local.get $head)) (local.get $mask)) (then (return (i32.const -3))))',
    '(if (i32.gt_s (i32.sub (local.get $t) (local.get $head)) (i32.add (local.get $mask) (i32.const 1))) (then (return (i32.const -3))))',
  ),
  mutant(
    'mpmc_says_empty_without_a_look_at_tail',
    'mpmc/two-producers',
    'mpmc.wat',
    '          (br_if $again (i32.ne (i32.atomic.load offset=256 (local.get $r)) (local.get $h)))   ;; $h was stale\n          (return (i32.const -2))))',
    '          (return (i32.const -1))))',
  ),
  mutant(
    'mpmc_says_retry_when_head_has_moved_and_all_is_done',
    'mpmc/2x2',
    'mpmc.wat',
    '          (if (i32.eq (i32.atomic.load offset=128 (local.get $r)) (local.get $h)) (then (return (i32.const -1))))\n          (br_if $again (i32.ne (i32.atomic.load offset=256 (local.get $r)) (local.get $h)))   ;; $h was stale\n          (return (i32.const -2))))',
    '          (return (i32.const -2))))',
  ),
  mutant(
    'mpmc_consumers_take_without_a_comparison',
    'mpmc/2x2',
    'mpmc.wat',
    '          (i32.atomic.rmw.cmpxchg offset=256 (local.get $r) (local.get $h) (i32.add (local.get $h) (i32.const 1))))))  ;; claim',
    '          (i32.atomic.rmw.xchg offset=256 (local.get $r) (i32.add (local.get $h) (i32.const 1))))))  ;; claim',
  ),
  mutant(
    'mpmc_remembers_tail_for_head',
    'mpmc/full-and-lap',
    'mpmc.wat',
    '          (if (i32.gt_s (i32.sub (local.get $t) (local.get $head)) (local.get $mask)) (then (return (i32.const -3))))\n          (drop (i32.atomic.rmw.cmpxchg offset=132 (local.get $r) (local.get $seen) (local.get $head)))',
    '          (if (i32.gt_s (i32.sub (local.get $t) (local.get $head)) (local.get $mask)) (then (return (i32.const -3))))\n          (drop (i32.atomic.rmw.cmpxchg offset=132 (local.get $r) (local.get $seen) (local.get $t)))',
  ),
  mutant(
    'mpmc_a_batch_is_claimed_from_a_stale_head',
    'mpmc/batches',
    'mpmc.wat',
    '          (i32.atomic.rmw.cmpxchg offset=256 (local.get $r) (local.get $h) (i32.add (local.get $h) (local.get $n))))))',
    '          (i32.sub (i32.atomic.rmw.add offset=256 (local.get $r) (local.get $n)) (i32.const 0)))))',
  ),
  // --- SPSC
  mutant(
    'spsc_publishes_with_a_plain_store',
    'spsc/held-back/2',
    'spsc.wat',
    '    (i64.atomic.store offset=384                                          ;; publish (release)\n',
    '    (i64.store offset=384                                          ;; publish (release)\n',
  ),
  mutant(
    'spsc_a_batch_is_published_by_a_plain_store',
    'spsc/batches',
    'spsc.wat',
    '    (i64.atomic.store offset=384                                          ;; publish them all\n',
    '    (i64.store offset=384                                          ;; publish them all\n',
  ),
  mutant(
    'spsc_holds_one_value_too_many',
    'spsc/held-back/2',
    'spsc.wat',
    '        (if (i32.gt_s (i32.sub (local.get $t) (i32.load offset=132 (local.get $r))) (i32.load offset=4 (local.get $r)))\n          (then (return (i32.const -3))))))\n    (i64',
    '        (if (i32.gt_s (i32.sub (local.get $t) (i32.load offset=132 (local.get $r))) (i32.add (i32.load offset=4 (local.get $r)) (i32.const 1)))\n          (then (return (i32.const -3))))))\n    (i64',
  ),
  mutant(
    'spsc_gives_the_cell_back_before_it_is_read',
    'spsc/lap',
    'spsc.wat',
    '    (local.set $cell (i64.atomic.load offset=384                          ;; observe (acquire): pairs with publish\n',
    '    (i32.atomic.store offset=256 (local.get $r) (i32.add (local.get $h) (i32.const 1)))\n    (local.set $cell (i64.atomic.load offset=384                          ;; observe (acquire): pairs with publish\n',
  ),
  mutant(
    'spsc_a_batch_takes_what_an_older_lap_left',
    'spsc/batches/2',
    'spsc.wat',
    '            (i32.add (i32.add (local.get $h) (local.get $n)) (i32.const 1))))\n        (i64.store32',
    '            (i32.wrap_i64 (i64.shr_u (local.get $cell) (i64.const 32)))))\n        (i64.store32',
  ),
  // --- completions
  mutant(
    'completion_a_consumer_can_die_between_head_and_mark',
    'completion/killed-pop-mark',
    'completion.wat',
    `    (i32.atomic.store
      (i32.add (local.get $states)`,
    `    (loop $stop)
    (i32.atomic.store
      (i32.add (local.get $states)`,
  ),
  mutant(
    'completion_a_mark_is_stored_for_the_next_value',
    'completion/pop-mark',
    'completion.wat',
    '(i32.add (local.get $states) (i32.mul (i32.wrap_i64 (local.get $cell)) (local.get $stride)))',
    '(i32.add (local.get $states) (i32.mul (local.get $h) (local.get $stride)))',
  ),
  mutant(
    'completion_a_ticket_is_read_and_then_written',
    'completion/two-producers',
    'completion.wat',
    '    (local.set $t (i32.atomic.rmw.add offset=128 (local.get $r) (i32.const 1)))   ;; claim a ticket',
    '    (local.set $t (i32.atomic.load offset=128 (local.get $r)))\n    (i32.atomic.store offset=128 (local.get $r) (i32.add (local.get $t) (i32.const 1)))',
  ),
  mutant(
    'completion_a_request_is_finished_without_a_claim',
    'completion/finish-once',
    'completion.wat',
    '    (if (i32.ne (i32.atomic.rmw.cmpxchg (local.get $state) (local.get $expected) (local.get $next)) (local.get $expected))',
    '    (if (i32.ne (i32.atomic.load (local.get $state)) (local.get $expected))',
  ),
  // --- free list and chains
  {
    name: 'free_list_without_tags',
    foundBy: 'free-list/aba',
    patches: [
      {
        file: 'free-list.wat',
        from: `  ;; claim\n            (i64.or\n              ${NEXT_TAG}`,
        to: `\n            (i64.or\n              ${SAME_TAG}`,
      },
      {
        file: 'free-list.wat',
        from: `  ;; publish (release): NEXT of the chain\n            (i64.or\n              ${NEXT_TAG}`,
        to: `\n            (i64.or\n              ${SAME_TAG}`,
      },
    ],
  },
  mutant(
    'free_list_links_an_index_once_and_not_at_each_try',
    'free-list/give-and-take',
    'free-list.wat',
    '    (loop $again\n      (local.set $h (i64.atomic.load offset=128 (local.get $f)))\n      (i32.store offset=384 (local.get $next) (i32.wrap_i64 (local.get $h)))\n',
    '    (i32.store offset=384 (local.get $next) (i32.wrap_i64 (i64.atomic.load offset=128 (local.get $f))))\n    (loop $again\n      (local.set $h (i64.atomic.load offset=128 (local.get $f)))\n',
  ),
  mutant(
    'chain_keeps_the_old_link_of_a_chunk',
    'chunk-pool/append-release',
    'chain.wat',
    '    (i32.store offset=384 (i32.add (local.get $f) (i32.shl (local.get $i) (i32.const 2))) (i32.const 0))\n',
    '',
  ),
  {
    name: 'chain_is_emptied_before_it_is_given_back',
    foundBy: 'chunk-pool/killed',
    patches: [
      {
        file: 'chain.wat',
        from: '    (local $h i64) (local $next i32)\n',
        to: '    (local $h i64) (local $next i32) (local $first i32)\n',
      },
      {
        file: 'chain.wat',
        from: '        (loop $again\n          (local.set $h (i64.atomic.load offset=128 (local.get $f)))\n          (i32.store offset=384 (local.get $next)',
        to: '        (local.set $first (i32.load (local.get $c)))\n        (i32.store (local.get $c) (i32.const 0))\n        (loop $again\n          (local.set $h (i64.atomic.load offset=128 (local.get $f)))\n          (i32.store offset=384 (local.get $next)',
      },
      {
        file: 'chain.wat',
        from: '(i64.extend_i32_u (i32.load (local.get $c)))',
        to: '(i64.extend_i32_u (local.get $first))',
      },
    ],
  },
  // --- heap
  mutant(
    'heap_sifts_only_downwards',
    'heap/remove',
    'heap.wat',
    '        (if (i32.eq (local.get $hole) (i32.load offset=388 (local.get $h))) (then (call $heapUp (local.get $h))))\n',
    '',
  ),
  mutant(
    'heap_is_locked_without_a_comparison',
    'heap/push-pop',
    'heap.wat',
    '(i32.eqz (i32.atomic.rmw.cmpxchg offset=128 (local.get $h) (i32.const 0) (i32.add (local.get $holder) (i32.const 1))))',
    '(i32.or (i32.const 1) (i32.atomic.rmw.xchg offset=128 (local.get $h) (i32.add (local.get $holder) (i32.const 1))))',
  ),
  mutant(
    'heap_does_not_tell_the_new_least_key',
    'heap/push-pop',
    'heap.wat',
    '      (then (i64.atomic.store offset=256 (local.get $h) (local.get $min))))   ;; publish for heapPeek',
    '      (then))',
  ),
  mutant(
    'heap_unlocks_before_the_entry_is_written',
    'heap/held-back',
    'heap.wat',
    ITEM_WRITE,
    `        (i32.atomic.store offset=128 (local.get $h) (i32.const 0))\n${ITEM_WRITE}`,
  ),
  mutant(
    'heap_unlocks_with_a_plain_store',
    'heap/push-pop',
    'heap.wat',
    '    (i32.atomic.store offset=128 (local.get $h) (i32.const 0))           ;; unlock (release)',
    '    (i32.store offset=128 (local.get $h) (i32.const 0))           ;; unlock (release)',
  ),
  mutant(
    'heap_forgets_whom_a_dead_holder_was_taking_out',
    'heap/killed-pop',
    'heap.wat',
    '    (i32.store offset=396 (local.get $h) (i32.add (local.get $value) (i32.const 1)))\n',
    '',
  ),
  mutant(
    'heap_equal_keys_leave_in_any_order',
    'heap/equal-keys',
    'heap.wat',
    '              (i64.eq (local.get $key) (i64.load (local.get $from)))\n              (i32.lt_s (i32.sub (local.get $sequence)',
    '              (i64.eq (local.get $key) (i64.load (local.get $from)))\n              (i32.ge_s (i32.sub (local.get $sequence)',
  ),
  // --- parking
  {
    name: 'parking_a_waker_promises_behind_its_claim',
    foundBy: 'parking/two-who-leave',
    patches: [
      {
        file: 'lot.wat',
        from: '      (drop (i64.atomic.rmw.or offset=256 (local.get $p) (local.get $bit)))   ;; promise, before the claim (P4)\n',
        to: '',
      },
      {
        file: 'lot.wat',
        from: '    (local.set $w (i32.wrap_i64 (i64.ctz (local.get $bit))))\n',
        to: '    (local.set $w (i32.wrap_i64 (i64.ctz (local.get $bit))))\n    (drop (i64.atomic.rmw.or offset=256 (local.get $p) (local.get $bit)))\n',
      },
    ],
  },
  mutant(
    'parking_nobody_is_notified',
    'parking/one-sleeper',
    'lot.wat',
    '    (drop (memory.atomic.notify offset=384 (local.get $p) (i32.const 1)))\n    (local.get $w))',
    '    (local.get $w))',
  ),
  mutant(
    'parking_the_search_is_not_handed_on',
    'parking/two-who-leave',
    'lot.wat',
    '    (i64.eqz (i64.and (local.get $others) (i64.atomic.rmw.and offset=256 (local.get $p) (local.get $others)))))',
    '    (drop (i64.atomic.rmw.and offset=256 (local.get $p) (local.get $others)))\n    (i32.const 0))',
  ),
  mutant(
    'parking_a_searcher_stays_one_for_ever',
    'parking/two',
    'lot.wat',
    '    (drop (i64.atomic.rmw.or offset=128 (local.get $p) (local.get $bit)))\n    (drop (i64.atomic.rmw.and offset=256 (local.get $p) (i64.xor (local.get $bit) (i64.const -1)))))',
    '    (drop (i64.atomic.rmw.or offset=128 (local.get $p) (local.get $bit))))',
  ),
  mutant(
    'parking_mail_is_not_notified',
    'parking/mail',
    'lot.wat',
    '    (drop (memory.atomic.notify offset=384 (local.get $p) (i32.const 1)))\n    (i32.const 1))',
    '    (i32.const 1))',
  ),
  mutant(
    'parking_a_dead_worker_is_taken_for_a_searcher',
    'parking/killed-worker',
    'lot.wat',
    '    (drop (i64.atomic.rmw.and offset=256 (local.get $p) (local.get $mask))))',
    '    )',
  ),
  mutant(
    'parking_a_bell_is_rung_before_it_is_looked_at',
    'parking/bell',
    'bell.wat',
    '(if (i32.eqz (i32.atomic.load (local.get $b))) (then (return)))       ;; store-load',
    '(return)       ;; store-load',
  ),
  mutant(
    'parking_a_failed_promise_is_not_taken_back',
    'parking/late-waker',
    'lot.wat',
    '          (drop (i64.atomic.rmw.and offset=256 (local.get $p) (i64.xor (local.get $bit) (i64.const -1))))\n          (br $again))))',
    '          (br $again))))',
  ),
  mutant(
    'mpmc_the_last_of_a_batch_of_eight_has_a_wrong_turn',
    'mpmc/batch-of-nine',
    'mpmc.wat',
    '(i64.extend_i32_u (i32.add (local.get $t) (i32.const 8)))',
    '(i64.extend_i32_u (i32.add (local.get $t) (i32.const 7)))',
  ),
  // --- table
  mutant(
    'table_an_old_entry_is_given_back_without_telling_readers',
    'table/read-reused',
    'table.wat',
    '        (drop (i32.atomic.rmw.add offset=128 (local.get $s) (i32.const 1)))   ;; before OLD',
    '        ;; before OLD',
  ),
  mutant(
    'table_a_reader_looks_at_the_version_behind_the_way',
    'table/read-reused',
    'table.wat',
    '      (atomic.fence)                                                      ;; the plain',
    '      (local.set $version (i32.atomic.load (local.get $versionAt)))\n      (atomic.fence) ;; the plain',
  ),
  mutant(
    'table_a_charge_is_not_in_the_journal',
    'table/killed-insert-delete',
    'table.wat',
    '        (i32.store offset=4 (local.get $s) (local.get $more))',
    '        (nop)',
  ),
  mutant(
    'table_an_old_entry_is_not_in_the_journal',
    'table/two-writers',
    'table.wat',
    '        (i32.store offset=32 (local.get $s) (local.get $old))))',
    '        (nop)))',
  ),
  mutant(
    'table_pending_is_still_in_the_journal_when_it_can_be_reached',
    'table/killed-set',
    'table.wat',
    '        (i32.store offset=16 (local.get $s) (i32.const 0))\n',
    '',
  ),
  mutant(
    'table_recover_only_unlocks',
    'table/killed-set',
    'table.wat',
    '          (call $tableSettle (local.get $t) (local.get $s))\n          (local.set $n (i32.add',
    '          (i32.atomic.store (local.get $s) (i32.const 0))\n          (local.set $n (i32.add',
  ),
  mutant(
    'table_writers_do_not_lock',
    'table/two-writers',
    'table.wat',
    '            (then (return (i32.const 1))))))                              ;; claim (acquire): pairs with tableSettle',
    '            (then (return (i32.const 1)))\n            (else (return (i32.const 1))))))',
  ),
  mutant(
    'table_an_entry_is_linked_in_with_a_plain_store',
    'table/held-back',
    'table.wat',
    '    (i32.atomic.store (local.get $link) (local.get $next))                ;; publish',
    '    (i32.store (local.get $link) (local.get $next))                ;; publish',
  ),
];
