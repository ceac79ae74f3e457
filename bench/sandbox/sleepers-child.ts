/** Suspends as many guests as it can, up to SLEEPERS, resumes each to its end, and prints a SleepersReport. */
import { type Sandbox, STATE } from '../../src/sandbox/index.ts';
import { SLEEPERS, type SleepersReport } from './sleepers.ts';
import { bench1Page } from './subject.ts';

const subject = await bench1Page();
const { flags, make } = subject;
/** Of the guest's loop: enough for a poll. */
const ROUNDS = 1000;
const guests: Sandbox[] = [];
const ends: Promise<unknown>[] = [];
const collect = globalThis.gc as () => void;
let stoppedBy = '';

/** The flag is up: the guest suspends at its first poll. */
function suspendOne(): void {
  const guest = make();
  subject.current = guest;
  const { buffer } = guest.memory as WebAssembly.Memory;
  new Int32Array(buffer)[15_000] = ROUNDS;
  flags[0] = 1;
  const end = guest.enter();
  if (!guest.isSuspended) throw new Error('a guest did not suspend');
  guests.push(guest);
  ends.push(end);
}

suspendOne();
collect();
const before = process.memoryUsage.rss();
while (guests.length <= SLEEPERS) {
  try {
    suspendOne();
  } catch (error) {
    stoppedBy = (error as Error).message;
    break;
  }
}
collect();
const residentKb = (process.memoryUsage.rss() - before) / 1024;
flags[0] = 0;
for (const guest of guests) guest.resume(0);
await Promise.all(ends);
if (guests.some(({ state }) => state !== STATE.INITIALIZED)) throw new Error('a guest is lost');
const report: SleepersReport = { count: guests.length - 1, residentKb, stoppedBy };
process.stdout.write(JSON.stringify(report));
