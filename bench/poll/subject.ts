/** A kernel's module as it is, or rewritten and driven by hand as docs/ABI.md has it. */
import { type RewriteOptions, rewrite } from '../../src/sandbox/index.ts';

export const PAGES_MAX = 65_536;

/** What is measured: the untouched module; memory imported as shared, without polls; Luge's polls; the naive form. */
export const VARIANTS = ['original', 'none', 'exit', 'call'] as const;
export type Variant = (typeof VARIANTS)[number];

export type Run = (...args: number[]) => unknown;

export function originalOf(bytes: Uint8Array<ArrayBuffer>, name: string): Run {
  return new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports[name] as Run;
}

export interface Rewritten {
  readonly run: Run;
  /** Index 0 is the flag. */
  readonly control: Int32Array<SharedArrayBuffer>;
  readonly controlMemory: WebAssembly.Memory;
}

/** `interrupt` is called at a poll that finds the flag raised, and has to lower it. */
export function rewrittenOf(
  bytes: Uint8Array<ArrayBuffer>,
  name: string,
  polls: NonNullable<RewriteOptions['polls']>,
  interrupt: () => number = () => 0,
): Rewritten {
  const { bytes: output, info } = rewrite(bytes, { maxPages: PAGES_MAX, entry: 'optional', polls });
  const control = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
  const $luge: Record<string, WebAssembly.ImportValue> = { control, interrupt };
  for (const { name: memory, minPages, maxPages } of info.memories) {
    $luge[memory] = new WebAssembly.Memory({ initial: minPages, maximum: maxPages, shared: true });
  }
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(output), { $luge });
  const call = (helper: string): unknown => (exports[helper] as () => unknown)();
  if (call('$luge.reset') !== 0) throw new Error('the module could not be reset');
  call('$luge.enter');
  return {
    run: exports[name] as Run,
    control: new Int32Array(control.buffer as SharedArrayBuffer),
    controlMemory: control,
  };
}
