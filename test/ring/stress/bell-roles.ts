/** A thread that sleeps in its event loop, and those who ring for it. */
import { Bell, EMPTY, MpmcRing } from '../../../src/ring/index.ts';
import type { Numbers, Role, RoleContext } from './role.ts';

/** Own cells of the signals. */
const CONSUMED = 0;

/** Reads the ring when the bell rings, and at no other time. */
function listener(context: RoleContext): Promise<Numbers> {
  const bell = new Bell(context.memory, context.at('bell'));
  const ring = MpmcRing.attach(context.memory, context.at('mpmc'));
  const { signals, ledger } = context;
  const ringers = context.option('ringers');
  // A wait for the bell does not keep a thread alive.
  const life = setInterval(() => {}, 2 ** 30);
  const end = Promise.withResolvers<Numbers>();
  let rings = 0;
  const drain = (): void => {
    for (let value = ring.pop(); value !== EMPTY; value = ring.pop()) {
      if (value < 0) continue;
      ledger.take(value);
      signals.add(CONSUMED, 1);
      signals.wake(CONSUMED);
    }
  };
  /** One armed wait at a time; behind it one more look, at what was published before and did not ring. */
  let isArmed = false;
  const listen = (): void => {
    drain();
    if (!isArmed) {
      isArmed = true;
      bell.arm(() => {
        isArmed = false;
        rings++;
        listen();
      });
      drain();
    }
    if (signals.ended < ringers) return;
    clearInterval(life);
    end.resolve({ rings });
  };
  listen();
  return end.promise;
}

/** Pushes up to `burst` values and rings for each; goes on when all of them were read. */
function ringer(context: RoleContext): Numbers {
  const bell = new Bell(context.memory, context.at('bell'));
  const ring = MpmcRing.attach(context.memory, context.at('mpmc'));
  const { signals, ledger, random } = context;
  const ringers = context.option('ringers');
  const own = context.option('ringer');
  const most = Math.floor(ledger.hits.length / ringers);
  const burst = context.option('burst');
  const least = context.option('least');
  let turns = 0;
  while (turns + burst <= most && !(turns >= least && signals.isStopped)) {
    const first = turns;
    for (let left = 1 + random.below(burst); left > 0; left--) {
      random.dawdle();
      if (ring.push(turns * ringers + own) !== 0) throw new Error('there is room for all');
      turns++;
      bell.ring();
    }
    for (let turn = first; turn < turns; turn++) {
      for (;;) {
        const consumed = signals.load(CONSUMED);
        if (Atomics.load(ledger.hits, turn * ringers + own) !== 0) break;
        signals.sleepWhile(CONSUMED, consumed);
      }
    }
  }
  signals.end();
  bell.ring();
  return { turns };
}

export const roles: Readonly<Record<string, Role>> = { listener, ringer };
