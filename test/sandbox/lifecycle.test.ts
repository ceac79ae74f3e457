import { describe, expect, it } from 'vitest';
import { isLegal, STATE, type State, stateName, step } from '../../src/sandbox/index.ts';

/** Written from the picture at the head of lifecycle.ts, by name: a second source for the masks. */
const FOLLOW: Readonly<Record<keyof typeof STATE, readonly (keyof typeof STATE)[]>> = {
  ALLOCATED: ['INITIALIZED', 'COMPLETE'],
  INITIALIZED: ['RUNNABLE', 'COMPLETE'],
  RUNNABLE: ['RUNNING', 'ERROR'],
  RUNNING: ['INTERRUPTED', 'ASLEEP', 'RETURNED', 'ERROR'],
  INTERRUPTED: ['RUNNING', 'PREEMPTED', 'ERROR'],
  PREEMPTED: ['RUNNING', 'ERROR'],
  ASLEEP: ['RUNNABLE', 'RUNNING', 'ERROR'],
  RETURNED: ['ALLOCATED', 'COMPLETE'],
  ERROR: ['ALLOCATED', 'COMPLETE'],
  COMPLETE: [],
};
const names = Object.keys(STATE) as (keyof typeof STATE)[];

describe.each(names)('from %s', (from) => {
  it.each(names)('to %s', (to) => {
    const isStep = FOLLOW[from].includes(to);
    expect(isLegal(STATE[from], STATE[to])).toBe(isStep);
    if (isStep) expect(step(STATE[from], STATE[to])).toBe(STATE[to]);
    else {
      expect(() => step(STATE[from], STATE[to])).toThrow(
        `illegal sandbox transition ${from} -> ${to}`,
      );
    }
  });
});

it('a_dirty_sandbox_reaches_no_request_but_through_reset', () => {
  // Every path from ALLOCATED to RUNNABLE goes through INITIALIZED.
  const seen = new Set<State>();
  const visit = (state: State): void => {
    if (seen.has(state) || state === STATE.INITIALIZED) return;
    seen.add(state);
    for (const next of Object.values(STATE)) if (isLegal(state, next)) visit(next);
  };
  visit(STATE.RETURNED);
  visit(STATE.ERROR);
  expect([...seen].map(stateName).toSorted()).toEqual(
    ['ALLOCATED', 'COMPLETE', 'ERROR', 'RETURNED'].toSorted(),
  );
});
