/** A runtime in a process that was started with --no-addons (timer.test.ts): prints what it finds. */
import { codeOf, ECHO, SPIN, small, textOf } from './guests.ts';

const runtime = await small();
await runtime.load('spin', { wasm: SPIN, cpuLimitMs: 60 });
await runtime.load('echo', { wasm: ECHO });
const spins = [1, 2].map(() => codeOf(runtime.invoke('spin')));
const answers: string[] = [];
for (const body of ['0', '1', '2']) {
  answers.push(textOf(await runtime.invoke('echo', { body })));
}
const ends = await Promise.all(spins);
const preempted = (runtime.stats().workers[0]?.preemptions ?? 0) > 0;
const { native, timer } = runtime;
await runtime.close();
const refused = [await codeOf(small({ timer: 'native' })), await codeOf(small({ pin: true }))];
process.stdout.write(JSON.stringify({ native, timer, answers, ends, preempted, refused }));
