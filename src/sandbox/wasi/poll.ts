/**
 * poll_oneoff: waits for the first of several moments; and sched_yield, which waits for nobody in particular.
 *
 *   byte  subscription, 48 bytes           event, 32 bytes
 *      0  u64 USERDATA                     u64 USERDATA
 *      8  u8  TAG                          u16 ERROR, u8 TYPE at 10
 *     16  u32 CLOCK or DESCRIPTOR          u64 NBYTES
 *     24  u64 TIMEOUT                      u16 FLAGS
 *     40  u16 CLOCK_FLAGS
 *
 * Files are always ready, and so are the streams but for stdin while the request's body comes in (input.ts): a call with a descriptor that is ready answers at once.
 * Clocks, and the body, are slept for. The guest is suspended then, and the worker runs others: a deadline, a cancellation or a kill finds it asleep as in any
 * host call. A subscription that cannot be (EBADF, ENOTCAPABLE, a clock of CPU time) is an event with that error and not the end of the
 * call, as wasi-libc's `poll` wants it.
 *
 * Both are suspending imports: V8 suspends the guest at each call of one, also where a number comes back, and resumes it in the next
 * microtask. Measured: a sched_yield that finds nobody waiting 0.22 µs, a poll of one clock whose time had passed already 0.57 µs, against
 * 0.09 for a plain call such as fd_fdstat_get. So the functions of a request's hot path are plain ones, and reads wait only where a function asked for that.
 */
import { monotonicNs, realtimeNs } from '../clock.ts';
import type { Host } from '../host.ts';
import { inputReady, passed, WAIT } from '../input.ts';
import type { Sandbox } from '../sandbox.ts';
import { UNWIND } from '../unwind.ts';
import { CLOCK_MONOTONIC, CLOCK_REALTIME, isClock, roundedUpNs } from './clocks.ts';
import { KIND } from './descriptor.ts';
import { EBADF, EFAULT, EINVAL, ENOTCAPABLE, ENOTSUP, SUCCESS } from './errno.ts';
import { inside, store32, viewOf } from './guest-memory.ts';
import { FD_READ, FD_WRITE } from './rights.ts';
import { descriptorOf } from './state.ts';

/** Out of thin air: more than a program that waits for a clock and its descriptors can need. */
const SUBSCRIPTIONS_MAX = 1024;
const SUBSCRIPTION_BYTES = 48;
const EVENT_BYTES = 32;

const TAG = { CLOCK: 0, FD_READ: 1, FD_WRITE: 2 } as const;
const CLOCK_ABSTIME = 1;
const HANGUP = 1;
/** Two steps of a double that counts milliseconds since 1970, as realtimeNs reads them: what it shows may be so much behind. */
const REALTIME_STEP_NS = 512;

/** One subscription: when it is due, and the event that it is then. */
interface Wait {
  readonly userdata: bigint;
  readonly type: number;
  /** Of the monotonic clock; 0 = now. */
  readonly dueNs: number;
  readonly error: number;
  readonly bytes: number;
  readonly flags: number;
  /** Of stdin while it is empty, and not at its end: it is due as soon as that has changed. */
  readonly isInput: boolean;
}

/** Common to all that are due at once. */
const DUE = { dueNs: 0, error: SUCCESS, bytes: 0, flags: 0, isInput: false } as const;

export function pollCalls(host: Host): Record<string, unknown> {
  return {
    poll_oneoff: new WebAssembly.Suspending(
      (subscriptions: number, events: number, count: number, result: number) =>
        passed(
          host.current,
          poll(host, host.current, subscriptions >>> 0, events >>> 0, count >>> 0, result),
        ),
    ),

    // As a poll of the rewriter that found the flag raised: others run if the policy lets them.
    sched_yield: new WebAssembly.Suspending(() => {
      const verdict = host.kernel.interrupt();
      return typeof verdict === 'number' ? goOn(verdict) : verdict.then(goOn);
    }),
  };
}

/** `interrupt` answers the generated code, which traps by itself when the guest has to die. */
function goOn(verdict: number): number {
  if (verdict !== 0) throw UNWIND;
  return SUCCESS;
}

function poll(
  host: Host,
  sandbox: Sandbox,
  subscriptions: number,
  events: number,
  count: number,
  result: number,
): number | Promise<number> {
  if (count === 0 || count > SUBSCRIPTIONS_MAX) return EINVAL;
  if (!inside(sandbox, subscriptions, count * SUBSCRIPTION_BYTES)) return EFAULT;
  if (!inside(sandbox, events, count * EVENT_BYTES) || !inside(sandbox, result, 4)) return EFAULT;
  const waits = readWaits(sandbox, subscriptions, count);
  if (typeof waits === 'number') return waits;
  let wakeAtNs = Number.POSITIVE_INFINITY;
  let hasInput = false;
  for (const { dueNs, isInput } of waits) {
    wakeAtNs = Math.min(wakeAtNs, dueNs);
    hasInput ||= isInput;
  }
  if (wakeAtNs <= monotonicNs()) return storeEvents(sandbox, waits, events, result);
  if (hasInput) return awaitFirst(host, sandbox, waits, wakeAtNs, events, result);
  return host.kernel.sleep(wakeAtNs).then(() => storeEvents(sandbox, waits, events, result));
}

/** It may be woken before there is anything to tell. */
function awaitFirst(
  host: Host,
  sandbox: Sandbox,
  waits: readonly Wait[],
  wakeAtNs: number,
  events: number,
  result: number,
): Promise<number> {
  return host.kernel
    .awaitInput(wakeAtNs)
    .then(() =>
      wakeAtNs <= monotonicNs() || inputReady(sandbox) !== WAIT
        ? storeEvents(sandbox, waits, events, result)
        : awaitFirst(host, sandbox, waits, wakeAtNs, events, result),
    );
}

/** All of them, in their order, or an errno. */
function readWaits(sandbox: Sandbox, subscriptions: number, count: number): Wait[] | number {
  const view = viewOf(sandbox);
  const waits: Wait[] = [];
  for (let i = 0; i < count; i++) {
    const at = subscriptions + i * SUBSCRIPTION_BYTES;
    const type = view.getUint8(at + 8);
    if (type > TAG.FD_WRITE) return EINVAL;
    const userdata = view.getBigUint64(at, true);
    waits.push(
      type === TAG.CLOCK
        ? clockWait(sandbox, view, at, userdata)
        : descriptorWait(sandbox, view.getUint32(at + 16, true), type, userdata),
    );
  }
  return waits;
}

function clockWait(sandbox: Sandbox, view: DataView, at: number, userdata: bigint): Wait {
  const clock = view.getUint32(at + 16, true);
  const flags = view.getUint16(at + 40, true);
  const wait = { ...DUE, userdata, type: TAG.CLOCK };
  if (!isClock(clock) || (flags & ~CLOCK_ABSTIME) !== 0) return { ...wait, error: EINVAL };
  // CPU time stands still while a guest sleeps.
  if (clock > CLOCK_MONOTONIC) return { ...wait, error: ENOTSUP };
  const timeoutNs = Number(view.getBigUint64(at + 24, true));
  const isAbsolute = (flags & CLOCK_ABSTIME) !== 0;
  // Rounded in the time of its own clock: a step of the other one comes at another moment.
  const nowNs = clock === CLOCK_REALTIME ? realtimeNs() : monotonicNs();
  const dueNs = isAbsolute ? timeoutNs : nowNs + timeoutNs;
  if (dueNs <= nowNs) return wait;
  const marginNs = clock === CLOCK_REALTIME ? REALTIME_STEP_NS : 0;
  return { ...wait, dueNs: monotonicNs() + roundedUpNs(dueNs, sandbox) - nowNs + marginNs };
}

function descriptorWait(sandbox: Sandbox, fd: number, type: number, userdata: bigint): Wait {
  const wait = { ...DUE, userdata, type };
  const descriptor = descriptorOf(sandbox, fd);
  if (descriptor === undefined) return { ...wait, error: EBADF };
  const right = type === TAG.FD_READ ? FD_READ : FD_WRITE;
  if (!descriptor.has(right)) return { ...wait, error: ENOTCAPABLE };
  if (type === TAG.FD_WRITE) return wait;
  if (descriptor.kind === KIND.STDIN) {
    const ready = inputReady(sandbox);
    if (ready === WAIT) return { ...wait, dueNs: Number.POSITIVE_INFINITY, isInput: true };
    return { ...wait, ...atInput(ready) };
  }
  const stat = descriptor.file?.stat();
  const left = typeof stat === 'object' ? Number(stat.size) - descriptor.position : 0;
  return { ...wait, bytes: Math.max(0, left) };
}

/** `ready` bytes of it, or its end. */
function atInput(ready: number): { readonly bytes: number; readonly flags: number } {
  return { bytes: ready, flags: ready === 0 ? HANGUP : 0 };
}

/** Writes an event for each that is due. The ranges were checked, and a memory does not shrink while its guest sleeps. */
function storeEvents(
  sandbox: Sandbox,
  waits: readonly Wait[],
  events: number,
  result: number,
): number {
  const nowNs = monotonicNs();
  const view = viewOf(sandbox);
  let count = 0;
  for (const wait of waits) {
    const { userdata, type, dueNs, error, isInput } = wait;
    const ready = isInput ? inputReady(sandbox) : WAIT;
    if (dueNs > nowNs && ready === WAIT) continue;
    const { bytes, flags } = isInput ? atInput(ready) : wait;
    const at = events + count++ * EVENT_BYTES;
    view.setBigUint64(at, userdata, true);
    view.setUint16(at + 8, error, true);
    view.setUint8(at + 10, type);
    view.setBigUint64(at + 16, BigInt(bytes), true);
    view.setUint16(at + 24, flags, true);
  }
  return store32(sandbox, result, count);
}
