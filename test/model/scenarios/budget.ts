/** Charges of threads to one budget, about the turn of a period. */
import { Budget } from '../../../src/ring/index.ts';
import { budgetModel } from '../models.ts';
import type { Bounds, DirectCall, Scenario } from '../scenario.ts';
import { AT, BYTES, cellNames, isQuiet, type Program, sequence } from './layouts.ts';

const PERIOD_NS = 1000;
const MOST_NS = 20 * 1024;
/** What fits into USED. */
const UNITS_MAX = 2 ** 32 - 1;

/** `first`: the number of the period in which it begins; times of the programs count from there. */
interface BudgetCase {
  readonly name: string;
  readonly bounds: Bounds;
  readonly threads: (first: number) => readonly Program[];
}

const charge = (first: number, at: number, units: number) =>
  ['budgetCharge', AT, first * PERIOD_NS + at, units] as const;
const left = (first: number, at: number) => ['budgetLeft', AT, first * PERIOD_NS + at] as const;

function budget({ name, bounds, threads }: BudgetCase, first: number): Scenario {
  return {
    name: `budget/${name}/1/${first}`,
    bounds,
    bytes: BYTES,
    threads: threads(first),
    setup: ({ memory }) => {
      Budget.create(memory, AT).set(MOST_NS, PERIOD_NS, first * PERIOD_NS);
    },
    // What is left at the end tells of each charge, and of its period.
    after: (call: DirectCall) => {
      for (const at of [0, 1500, 2500]) call('budgetLeft', AT, first * PERIOD_NS + at);
    },
    model: budgetModel(PERIOD_NS, MOST_NS, first),
    cell: cellNames({ 128: 'USED' }),
    isQuiet,
  };
}

const CASES: readonly BudgetCase[] = [
  {
    name: 'charges',
    bounds: { preemptions: Number.POSITIVE_INFINITY },
    threads: (n) => [
      sequence(charge(n, 100, 1), charge(n, 200, 2)),
      sequence(charge(n, 100, 4), left(n, 300)),
    ],
  },
  {
    // One is late: its time is of the period that has ended.
    name: 'turn',
    bounds: { preemptions: Number.POSITIVE_INFINITY },
    threads: (n) => [
      sequence(charge(n, 900, 1), charge(n, 1100, 2)),
      sequence(charge(n, 1200, 4), charge(n, 950, 8), left(n, 1300)),
    ],
  },
  {
    name: 'three',
    bounds: { preemptions: 3 },
    threads: (n) => [
      sequence(charge(n, 900, 1), left(n, 1900)),
      sequence(charge(n, 1000, 2)),
      sequence(charge(n, 2000, 4), left(n, 1999)),
    ],
  },
  {
    name: 'full',
    bounds: { preemptions: Number.POSITIVE_INFINITY },
    threads: (n) => [
      sequence(charge(n, 100, UNITS_MAX - 1), charge(n, 1100, 3)),
      sequence(charge(n, 200, 2)),
    ],
  },
  {
    name: 'killed',
    bounds: { preemptions: 3, kills: 1 },
    threads: (n) => [
      sequence(charge(n, 900, 1), charge(n, 1100, 2)),
      sequence(charge(n, 1000, 4), left(n, 1500)),
    ],
  },
];

/** Numbers of periods wrap at 2^32, too. */
export const budgetScenarios: readonly Scenario[] = CASES.flatMap((one) =>
  [0, 2 ** 31 - 1, 2 ** 32 - 1].map((first) => budget(one, first)),
);
