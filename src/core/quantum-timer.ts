/**
 * Which timer ticks, and its life: a JavaScript thread (ticker.ts) everywhere, or a thread of the addon, which is there or not. Both do the
 * same by the same rules (triage.ts, tick-schedule.ts); the native one comes less late, starts no engine, and dies with the thread that made it.
 */
import { Worker } from 'node:worker_threads';
import { Arena } from '../ring/index.ts';
import { CONTROL_FLAG_INDEX, type NativeTimerOptions, nativeAddon } from '../sandbox/index.ts';
import type { TimerName } from './api.ts';
import { firstWorkerProducer } from './delivery.ts';
import { LugeError } from './errors.ts';
import { type TickerData, threadUrl } from './messages.ts';

/** Also the longest time that a guest may run on behind its limit when the server was idle before it came. */
export const IDLE_NS_MAX = 4e6;

export interface QuantumTimer {
  /** Behind it no flag is raised any more. */
  stop(): Promise<void>;
}

/** What 'auto' means, or that it cannot be. */
export function chooseTimer(wanted: 'auto' | TimerName, hasAddon: boolean): TimerName {
  if (wanted === 'native' && !hasAddon) {
    throw new LugeError(
      'ERR_NO_ADDON',
      500,
      "timer 'native' needs the native addon, which was not built, does not load here, or is switched off (native: 'off'); 'auto' takes what is there",
    );
  }
  if (wanted === 'auto') return hasAddon ? 'native' : 'js';
  return wanted;
}

export function startTimer(name: TimerName, data: TickerData): QuantumTimer {
  return name === 'native' ? startNative(data) : startThread(data);
}

function startThread(data: TickerData): QuantumTimer {
  const thread = new Worker(threadUrl('ticker'), { workerData: data, execArgv: [] });
  thread.on('error', (error) => {
    throw error;
  });
  return {
    stop: async () => {
      Arena.attach(data.memory).beat().set(1);
      await thread.terminate();
    },
  };
}

function startNative(data: TickerData): QuantumTimer {
  const addon = nativeAddon();
  if (addon === undefined) throw new Error('the addon was there and is gone');
  const timer = new addon.QuantumTimer(nativeTimerOptions(data));
  timer.start();
  return { stop: async () => timer.stop() };
}

/** The layout of the arena, for native/timer-object.cc. Offsets within its structures stand in native/layout.h. */
export function nativeTimerOptions(data: TickerData): NativeTimerOptions {
  const arena = Arena.attach(data.memory);
  const { layout, constraints } = arena;
  const { completionsAddress, completionStrideBytes } = layout;
  return {
    arena: new Uint8Array(data.memory.buffer as SharedArrayBuffer),
    flags: data.controls.map(
      ({ buffer }) => new Uint8Array(buffer as SharedArrayBuffer, 4 * CONTROL_FLAG_INDEX),
    ),
    mode: data.triage,
    quantumNs: data.quantumNs,
    idleNsMax: data.idleNsMax,
    beatAddress: layout.beatAddress,
    controlsAddress: layout.controlsAddress,
    controlsStrideBytes: layout.controlStrideBytes,
    producers: constraints.producers,
    dequesAddress: layout.dequesAddress,
    dequesStrideBytes: layout.dequeStrideBytes,
    completionsAddress: completionsAddress + firstWorkerProducer(arena) * completionStrideBytes,
    completionsStrideBytes: completionStrideBytes,
    slots: constraints.slots,
    slotsAddress: layout.slotsAddress,
    slotsStrideBytes: constraints.slotBytes,
    heapAddresses: data.heapAddresses,
  };
}
