/**
 * What each policy does on one worker, written down without any of its code: at each decision all jobs that are there are looked at anew, in
 * plain arrays. No queue, no heap, no budget cell; what a tenant used is summed up from the trace.
 */
import type { Job, Setup, Stretch } from './simulator.ts';

interface Waiting {
  readonly job: Job;
  ranNs: number;
  /** It has run before, or waits in the worker. */
  isHeld: boolean;
  /** For the turns of rr and the order of fifo. */
  since: number;
}

interface World {
  readonly setup: Setup;
  readonly waiting: Waiting[];
  /** What was charged to each tenant: when, and how much. */
  readonly charges: { readonly reservation: number; readonly now: number; readonly ns: number }[];
  /** rr: since when new ones have gone before those that have run; undefined: they have not. */
  passedAtNs: number | undefined;
  clock: number;
}

type Rank = (world: World, waiting: Waiting, now: number) => number;

const BEST_EFFORT = 2 ** 53;
/** Of budgets: what is less is charged with the next. */
const UNIT_NS = 1024;

const RANKS: Readonly<Record<'edf' | 'sjf' | 'mtds', Rank>> = {
  edf: (_world, { job }) => job.deadlineNs,
  sjf: (_world, { job, ranNs }) => (ranNs <= job.estimateNs ? job.estimateNs - ranNs : ranNs),
  mtds: (world, { job }, now) =>
    job.deadlineNs + (isPaid(world, job.reservation, now) ? 0 : BEST_EFFORT),
};

function isPaid({ setup, charges }: World, reservation: number, now: number): boolean {
  const budget = setup.budgets?.[reservation];
  if (budget === undefined) return false;
  const period = Math.floor(now / budget.periodNs);
  const used = charges
    .filter(
      (charge) =>
        charge.reservation === reservation && Math.floor(charge.now / budget.periodNs) === period,
    )
    .reduce((sum, { ns }) => sum + ns, 0);
  return used < budget.mostNs;
}

function isRanked(name: string): name is 'edf' | 'sjf' | 'mtds' {
  return name === 'edf' || name === 'sjf' || name === 'mtds';
}

/** The index of the one that runs next; -1 when nobody waits. */
function choose(world: World, now: number): number {
  const { setup, waiting } = world;
  const { scheduler } = setup;
  if (isRanked(scheduler)) {
    const ranks = waiting.map((one) => RANKS[scheduler](world, one, now));
    return waiting.reduce(
      (best, _one, i) => (best < 0 || (ranks[i] as number) < (ranks[best] as number) ? i : best),
      -1,
    );
  }
  const oldest = (held: boolean): number =>
    waiting.reduce(
      (best, one, i) =>
        one.isHeld === held && (best < 0 || one.since < (waiting[best] as Waiting).since)
          ? i
          : best,
      -1,
    );
  if (scheduler === 'fifo') return oldest(false);
  // New ones first, but for a turn of those that ran when they were passed for a quantum.
  const [held, fresh] = [oldest(true), oldest(false)];
  const { passedAtNs = now } = world;
  const isFresh = fresh >= 0 && (held < 0 || now < passedAtNs + setup.quantumNs);
  world.passedAtNs = isFresh && held >= 0 ? passedAtNs : undefined;
  return isFresh ? fresh : held;
}

function mustLeave(world: World, running: Waiting, now: number): boolean {
  const { setup, waiting } = world;
  if (setup.scheduler === 'fifo') return false;
  if (setup.scheduler === 'rr') return waiting.length > 0;
  const rank = RANKS[setup.scheduler];
  const own = rank(world, running, now);
  return waiting.some((one) => rank(world, one, now) < own);
}

/** The trace of one worker. */
export function reference(setup: Setup): Stretch[] {
  const world: World = { setup, waiting: [], charges: [], passedAtNs: undefined, clock: 0 };
  const arrivals = [...setup.jobs].sort((a, b) => a.arrivalNs - b.arrivalNs || a.id - b.id);
  const trace: Stretch[] = [];
  let running: Waiting | undefined;
  let sinceNs = 0;
  let accountedNs = 0;
  let done = 0;
  let now = 0;
  let tick = 1;
  const remainders = new Map<number, number>();
  const account = (one: Waiting): void => {
    const { reservation } = one.job;
    const sum = now - accountedNs + (remainders.get(reservation) ?? 0);
    remainders.set(reservation, sum % UNIT_NS);
    world.charges.push({ reservation, now, ns: sum - (sum % UNIT_NS) });
    one.ranNs += now - accountedNs;
    accountedNs = now;
  };
  while (done < setup.jobs.length) {
    const endNs =
      running === undefined
        ? Number.POSITIVE_INFINITY
        : accountedNs + running.job.runNs - running.ranNs;
    now = Math.min(
      arrivals[0]?.arrivalNs ?? Number.POSITIVE_INFINITY,
      tick * setup.quantumNs,
      endNs,
    );
    for (let next = arrivals[0]; next !== undefined && next.arrivalNs <= now; next = arrivals[0]) {
      world.waiting.push({ job: next, ranNs: 0, isHeld: false, since: world.clock++ });
      arrivals.shift();
    }
    if (running !== undefined && endNs <= now) {
      account(running);
      trace.push({ worker: 0, job: running.job.id, fromNs: sinceNs, toNs: now });
      running = undefined;
      done++;
    }
    if (now === tick * setup.quantumNs) {
      tick++;
      if (running !== undefined && sinceNs <= now - setup.quantumNs) {
        account(running);
        if (mustLeave(world, running, now)) {
          trace.push({ worker: 0, job: running.job.id, fromNs: sinceNs, toNs: now });
          world.waiting.push({ ...running, isHeld: true, since: world.clock++ });
          running = undefined;
        }
      }
    }
    if (running !== undefined) continue;
    const at = choose(world, now);
    running = at < 0 ? undefined : world.waiting.splice(at, 1)[0];
    sinceNs = now;
    accountedNs = now;
  }
  return trace;
}
