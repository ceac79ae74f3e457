/**
 * The states of a sandbox and the steps between them: SLEdge's, with a way back (a sandbox is reset and reused).
 *
 *   ALLOCATED --reset--> INITIALIZED --request--> RUNNABLE --switch in--> RUNNING <--> INTERRUPTED --other chosen--> PREEMPTED
 *       ^                                            ^                     |  |                                          |
 *       |                                            +------ wake ------ ASLEEP |                     <---- resumed -----+
 *       +----------- reset (dirty, unreachable) ------------ RETURNED / ERROR <-+
 *                                                                |
 *                                                            COMPLETE (retired: dropped)
 *
 * The table below is the only way from state to state: Sandbox has no setter that does not ask it, in tests as in production (2 ns), so that
 * an illegal step throws where it is taken and cannot be met later. Time: a request's waiting is added to the state that it leaves, at the
 * switches, where the worker reads the clock anyway (Sandbox.waited); INTERRUPTED lasts no longer than a host call and counts as
 * running; before RUNNABLE a request is queued, and behind RETURNED or ERROR its answer is out.
 */
export const STATE = {
  /** Has an instance whose memory may hold anything; only `reset` may follow. */
  ALLOCATED: 0,
  /** Like a fresh instance, and waiting in the pool. */
  INITIALIZED: 1,
  /** Has a request and waits for the worker. */
  RUNNABLE: 2,
  /** The worker is inside the guest or a host call of its. */
  RUNNING: 3,
  /** It met a raised flag at a poll. */
  INTERRUPTED: 4,
  /** Suspended at a poll; another runs. */
  PREEMPTED: 5,
  /** Suspended in a host call: for a time, a call's answer, the body of its request; or stopped at a poll until its client takes its response. */
  ASLEEP: 6,
  /** Its entry returned. */
  RETURNED: 7,
  /** It trapped or was killed. */
  ERROR: 8,
  /** Dropped. */
  COMPLETE: 9,
} as const;

export type State = (typeof STATE)[keyof typeof STATE];

const NAMES: readonly string[] = Object.keys(STATE);
const S = STATE;

/** For each state, a mask of those that may follow. */
const NEXT: readonly number[] = [
  /* ALLOCATED   */ mask(S.INITIALIZED, S.COMPLETE),
  /* INITIALIZED */ mask(S.RUNNABLE, S.COMPLETE),
  /* RUNNABLE    */ mask(S.RUNNING, S.ERROR),
  /* RUNNING     */ mask(S.INTERRUPTED, S.ASLEEP, S.RETURNED, S.ERROR),
  /* INTERRUPTED */ mask(S.RUNNING, S.PREEMPTED, S.ERROR),
  /* PREEMPTED   */ mask(S.RUNNING, S.ERROR),
  /* ASLEEP      */ mask(S.RUNNABLE, S.RUNNING, S.ERROR),
  /* RETURNED    */ mask(S.ALLOCATED, S.COMPLETE),
  /* ERROR       */ mask(S.ALLOCATED, S.COMPLETE),
  /* COMPLETE    */ 0,
];

function mask(...states: State[]): number {
  return states.reduce<number>((m, s) => m | (1 << s), 0);
}

/** Whether `to` may follow `from`. */
export function isLegal(from: State, to: State): boolean {
  return ((NEXT[from] as number) & (1 << to)) !== 0;
}

/** Throws when `to` may not follow `from`: a fault of the runtime, never of a guest. */
export function step(from: State, to: State): State {
  if (!isLegal(from, to)) {
    throw new Error(`illegal sandbox transition ${NAMES[from]} -> ${NAMES[to]}`);
  }
  return to;
}

export function stateName(state: State): string {
  return NAMES[state] as string;
}
