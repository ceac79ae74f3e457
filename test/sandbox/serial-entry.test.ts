import { expect, it } from 'vitest';
import { serialEntry } from '../../src/sandbox/serial-entry.ts';
import { wat } from '../core/guests.ts';

/** An instance whose `enter` calls `step` and traps when that returns non-zero. */
function guest(step: unknown): () => void {
  const bytes = wat(`(module (import "" "step" (func $step (result i32)))
    (func (export "enter") (if (call $step) (then unreachable))))`);
  const module = new WebAssembly.Module(bytes as Uint8Array<ArrayBuffer>);
  const instance = new WebAssembly.Instance(module, { '': { step: step as () => number } });
  return instance.exports.enter as () => void;
}

it('begins_again_as_long_as_more_says_so', async () => {
  const seen: string[] = [];
  let left = 3;
  const enter = guest(() => {
    seen.push('guest');
    return 0;
  });
  const run = serialEntry(enter, () => {
    seen.push('more');
    return --left > 0 ? 1 : 0;
  });
  const promise = run();
  expect(seen).toEqual(['guest', 'more', 'guest', 'more', 'guest', 'more']);
  await promise;
});

it('a_trap_in_a_later_round_rejects_and_asks_for_no_more', async () => {
  let rounds = 0;
  let asked = 0;
  const enter = guest(() => (++rounds === 2 ? 1 : 0));
  const run = serialEntry(enter, () => {
    asked++;
    return 1;
  });
  await expect(run()).rejects.toThrow(WebAssembly.RuntimeError);
  expect([rounds, asked]).toEqual([2, 1]);
});

it('a_guest_that_suspends_in_a_later_round_lets_the_caller_go_on', async () => {
  let rounds = 0;
  let asked = 0;
  let resume = (_verdict: number): void => {};
  const suspends = new WebAssembly.Suspending(() => {
    if (++rounds < 2) return 0;
    return new Promise<number>((resolve) => {
      resume = resolve;
    });
  });
  const run = serialEntry(guest(suspends), () => (++asked < 2 ? 1 : 0));
  const promise = run();
  await undefined;
  await undefined;
  expect(asked).toBe(1);
  resume(0);
  await promise;
  expect([rounds, asked]).toEqual([2, 2]);
});
