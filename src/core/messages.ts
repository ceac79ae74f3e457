/** What the supervisor and its threads post to each other, off the request path. */
import type { SchedulerData } from './scheduling/policies.ts';
import type { TriageMode } from './triage.ts';

export interface LoadedRecord {
  readonly spec: Uint8Array<ArrayBuffer>;
  readonly module: WebAssembly.Module;
  /** Its PoolCells. */
  readonly cells: SharedArrayBuffer;
  /** Its tenant's. */
  readonly tenantCells: SharedArrayBuffer;
  /** Of its Estimate. */
  readonly estimate: SharedArrayBuffer;
}

/** The shared cells of a function that a thread needs which submits its requests. */
export interface SubmittedCells {
  /** Of its Estimate. */
  readonly estimate: SharedArrayBuffer;
  /** Its tenant's AdmissionCells, where there is admission control. */
  readonly admission: SharedArrayBuffer | undefined;
}

export interface SubmittedFunction extends SubmittedCells {
  readonly spec: Uint8Array<ArrayBuffer>;
}

/** The key-value store, for a worker. */
export interface KvData {
  readonly memory: WebAssembly.Memory;
  readonly maxKeyBytes: number;
  readonly maxValueBytes: number;
}

export interface KvWriterData {
  readonly memory: WebAssembly.Memory;
  readonly holder: number;
  readonly file: string;
  /** Names by number. */
  readonly tenants: readonly string[];
}

export type ToKvWriter =
  | { readonly type: 'tenant'; readonly id: number; readonly name: string }
  | { readonly type: 'stop' };

export type FromKvWriter =
  | { readonly type: 'saved' }
  | { readonly type: 'failed'; readonly message: string };

export interface WorkerData {
  readonly memory: WebAssembly.Memory;
  readonly control: WebAssembly.Memory;
  readonly worker: number;
  /** Where it shall sit; undefined: anywhere. */
  readonly core: number | undefined;
  readonly scheduler: SchedulerData;
  readonly quantumNs: number;
  readonly spinNs: number;
  readonly sandboxesMax: number;
  /** Use the native addon. */
  readonly native: boolean;
  readonly kv: KvData | undefined;
  readonly memoriesMax: number;
  /** Those that are loaded: a worker that takes a dead one's place must have them before its first request. */
  readonly functions: readonly LoadedRecord[];
}

export interface TickerData {
  readonly memory: WebAssembly.Memory;
  readonly controls: readonly WebAssembly.Memory[];
  readonly quantumNs: number;
  /** The longest pause while no guest runs. */
  readonly idleNsMax: number;
  readonly triage: TriageMode;
  /** Heaps of the global queue. */
  readonly heapAddresses: readonly number[];
}

export type ToWorker =
  | (LoadedRecord & { readonly type: 'load'; readonly seq: number })
  | { readonly type: 'unload'; readonly seq: number; readonly id: number }
  | { readonly type: 'trim'; readonly tenantId: number }
  | { readonly type: 'stop' };

export type FromWorker =
  | { readonly type: 'ready' }
  | { readonly type: 'done'; readonly seq: number; readonly error: string | undefined }
  | { readonly type: 'log'; readonly fn: string; readonly text: string };

/** URL of a thread's entry beside this file, as source or as built. */
export function threadUrl(name: string): URL {
  return new URL(`./${name}.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`, import.meta.url);
}
