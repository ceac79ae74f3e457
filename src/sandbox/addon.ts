/** The optional native addon (native/): there where a compiler was at installation. Everything works without it. */
import { createRequire } from 'node:module';

/** Of what it exports (native/addon.cc): an older build that was left behind is as good as none. */
const NATIVE_VERSION = 2;

/** Each takes a Uint8Array over a guest's whole memory; see native/wiper.cc. */
export interface MemoryWiper {
  /** Once for each memory. False: this kernel or this memory is not one that can be wiped so. */
  prepare(memory: Uint8Array): boolean;
  /** Makes it zeros; how many OS pages are resident, or -1 if that could not be done. */
  wipe(memory: Uint8Array): number;
  /** Makes it zeros by giving its OS pages back; false if that could not be done. */
  release(memory: Uint8Array): boolean;
}

export interface NativeAddon extends MemoryWiper {
  /** Those that the calling thread may run on; none if the system does not say. */
  cores(): number[];
  /** Lets the calling thread run on these only (native/affinity.cc). Throws ERR_PIN with the system's reason. */
  pin(cores: readonly number[]): void;

  readonly QuantumTimer: new (options: NativeTimerOptions) => NativeTimer;
}

/** Where the cells lie that a tick looks at; in bytes from the start of the arena on. Checked, ERR_INVALID_ARG_VALUE. */
export interface NativeTimerOptions {
  readonly arena: Uint8Array<SharedArrayBuffer>;
  /** By worker: bytes that begin with the cell which its guests poll. */
  readonly flags: readonly Uint8Array<SharedArrayBuffer>[];
  readonly mode: 'off' | 'waiters' | 'keys';
  readonly quantumNs: number;
  /** The longest pause while no guest runs. */
  readonly idleNsMax: number;
  readonly beatAddress: number;
  /** The workers' control blocks; as many as there are flags. */
  readonly controlsAddress: number;
  readonly controlsStrideBytes: number;
  readonly producers: number;
  readonly dequesAddress: number;
  readonly dequesStrideBytes: number;
  /** The workers' completion rings. */
  readonly completionsAddress: number;
  readonly completionsStrideBytes: number;
  readonly slots: number;
  readonly slotsAddress: number;
  readonly slotsStrideBytes: number;
  readonly heapAddresses: readonly number[];
}

/** See native/timer-object.cc. */
export interface NativeTimer {
  /** Once. Throws ERR_TIMER_THREAD with the system's reason. */
  start(): void;
  /** Behind it the thread is gone and the memories are let go. */
  stop(): void;
  /** What the thread does at a tick, before it is started: whether a guest ran. */
  tickOnce(nowNs: number): boolean;
  /** The schedule's step behind a tick, before it is started: when to wake for the next one. */
  advance(nowNs: number, isBusy: boolean): number;
}

let loaded: NativeAddon | null | undefined;

/** Undefined if it was not built, or does not load here. */
export function nativeAddon(): NativeAddon | undefined {
  loaded ??= load();
  return loaded ?? undefined;
}

function load(): NativeAddon | null {
  try {
    // From src and from dist it is as far.
    const path = '../../native/build/luge.node';
    const addon = createRequire(import.meta.url)(path) as NativeAddon & { version?: unknown };
    return addon.version === NATIVE_VERSION ? addon : null;
  } catch {
    return null;
  }
}
