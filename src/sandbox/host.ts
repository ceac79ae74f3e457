/**
 * What a guest may import, and the sandbox on whose behalf a host call runs.
 *
 * Host functions are made once per worker, not per instance: they find their sandbox in `current`, which the worker sets at each
 * switch. Making some fifty closures for each instance would cost more than the instance.
 */
import { callImports } from './call-interface.ts';
import type { Exchange } from './exchange.ts';
import type { FunctionSpec } from './function-image.ts';
import { suspends, wideParameters } from './host-signature.ts';
import { inputImports } from './input-interface.ts';
import { type KvAccess, kvImports, scratchImports } from './kv-interface.ts';
import { lugeImports } from './luge-interface.ts';
import type { Sandbox } from './sandbox.ts';
import { UNWIND } from './unwind.ts';
import { awaitingRead } from './wasi/file-calls.ts';
import { wasiImports } from './wasi/imports.ts';

/** What host calls need of the worker. */
export interface GuestKernel {
  /** Undefined: this runtime has no key-value store. */
  readonly kv: KvAccess | undefined;
  /** At a poll that found the flag raised: 0 = go on, 1 = die; a promise suspends the guest until then. */
  interrupt(): number | Promise<number>;
  /** Suspends the current guest until `wakeAtNs` of the monotonic clock. */
  sleep(wakeAtNs: number): Promise<number>;
  /**
   * Suspends the current guest until the function `name` of its tenant has answered: the status, or a negative number (call-interface.ts).
   * `head` is the request line and header lines; the body is a range of the guest's memory, checked.
   */
  call(name: string, head: string, bodyAt: number, bodyBytes: number): Promise<number>;
  /**
   * Suspends the current guest until more of its request's body has come, or its end, or `wakeAtNs` of the monotonic clock has; perhaps sooner. Only where
   * the exchange is fed.
   */
  awaitInput(wakeAtNs: number): Promise<number>;
  /** The guest has used up a part of its request's body: whoever feeds it may send the next one. */
  drained(exchange: Exchange): void;
  /** What the guest has written so far goes out now. */
  flush(sandbox: Sandbox): void;
  /** Takes lines that guests print for the operator. */
  log(sandbox: Sandbox, text: string): void;
}

type HostFunctions = Record<string, unknown>;
/** Those that are ours: a guest may pass their addresses and sizes as i64. */
type OwnModule = 'luge' | 'env' | 'scratch_storage';

export class Host {
  current: Sandbox;
  readonly kernel: GuestKernel;
  readonly imports: Readonly<Record<'wasi_snapshot_preview1' | OwnModule, HostFunctions>>;
  readonly #own: Readonly<Record<OwnModule, HostFunctions>>;

  constructor(kernel: GuestKernel) {
    this.current = undefined as unknown as Sandbox;
    this.kernel = kernel;
    this.#own = {
      luge: { ...lugeImports(this), ...kvImports(this), ...callImports(this) },
      env: this.#assemblyScript(),
      scratch_storage: scratchImports(this),
    };
    this.imports = { wasi_snapshot_preview1: wasiImports(this), ...linked(this.#own) };
  }

  /**
   * For a guest that passes addresses and sizes as i64, which arrive here as BigInt, results stay what they are. For one that takes its bodies as streams
   * the calls that read are others, which may wait (input.ts).
   */
  importsOf({ hasWideCalls, requestBody }: FunctionSpec): WebAssembly.Imports {
    const wrap = hasWideCalls ? widened : asTheyAre;
    if (requestBody === 'whole') {
      return hasWideCalls ? { ...this.imports, ...linked(this.#own, wrap) } : this.imports;
    }
    const { body_read, body_size } = inputImports(this);
    const own = { ...this.#own, luge: { ...this.#own.luge, body_size } };
    const { luge, ...others } = linked(own, wrap);
    const read = wrap('luge', 'body_read', body_read as HostFunction);
    const wasi = { ...this.imports.wasi_snapshot_preview1, fd_read: awaitingRead(this) };
    return {
      ...others,
      luge: { ...luge, body_read: new WebAssembly.Suspending(read) },
      wasi_snapshot_preview1: wasi,
    } as WebAssembly.Imports;
  }

  /** The only import that AssemblyScript's default build has: called when an assertion fails. */
  #assemblyScript(): Record<string, unknown> {
    return {
      abort: (message: number, file: number, line: number, column: number): void => {
        const { u8 } = this.current;
        const at = `${utf16(u8, file)}:${line >>> 0}:${column >>> 0}`;
        this.current.doom(1, `abort: ${utf16(u8, message)} at ${at}`);
        throw UNWIND;
      },
    };
  }
}

type HostFunction = (...args: unknown[]) => unknown;

/** As instances import them: those that may suspend the guest are marked. */
function linked<M extends string>(
  modules: Readonly<Record<M, HostFunctions>>,
  wrap: (module: string, name: string, fn: HostFunction) => HostFunction = asTheyAre,
): Record<M, HostFunctions> {
  const link = (module: string, name: string, raw: unknown): unknown => {
    const fn = wrap(module, name, raw as HostFunction);
    return suspends(module, name) ? new WebAssembly.Suspending(fn) : fn;
  };
  const linkAll = ([module, functions]: [string, unknown]): [string, HostFunctions] => [
    module,
    Object.fromEntries(
      Object.entries(functions as HostFunctions).map(([name, fn]) => [
        name,
        link(module, name, fn),
      ]),
    ),
  ];
  return Object.fromEntries(Object.entries(modules).map(linkAll)) as Record<M, HostFunctions>;
}

function asTheyAre(_module: string, _name: string, fn: HostFunction): HostFunction {
  return fn;
}

function widened(module: string, name: string, fn: HostFunction): HostFunction {
  const wide = wideParameters(module, name);
  return (...args) => fn(...args.map((arg, i) => (wide.includes(i) ? arg : narrow(arg))));
}

/** Host functions reach 4 GiB. What is beyond becomes the highest u32, from which no range of more than a byte can begin. */
function narrow(value: unknown): unknown {
  if (typeof value !== 'bigint') return value;
  const unsigned = BigInt.asUintN(64, value);
  return unsigned > 0xffff_ffffn ? 0xffff_ffff : Number(unsigned);
}

/** An AssemblyScript string: UTF-16, its size in bytes 4 bytes before it. Empty when the pointer is no such thing. */
function utf16(u8: Uint8Array, pointer: number): string {
  const at = pointer >>> 0;
  if (at < 4 || at > u8.length) return '';
  const view = new DataView(u8.buffer, u8.byteOffset, u8.length);
  const bytes = view.getUint32(at - 4, true);
  if (bytes > 2048 || at + bytes > u8.length) return '';
  let text = '';
  for (let i = at; i + 1 < at + bytes; i += 2) text += String.fromCharCode(view.getUint16(i, true));
  return text;
}

/** Names of all host functions that there are, by module: what an import is checked against at registration. */
export function hostFunctionNames(): ReadonlyMap<string, ReadonlySet<string>> {
  const nothing: GuestKernel = {
    kv: undefined,
    interrupt: () => 0,
    sleep: () => Promise.resolve(0),
    call: () => Promise.resolve(0),
    awaitInput: () => Promise.resolve(0),
    drained: () => {},
    flush: () => {},
    log: () => {},
  };
  return new Map(
    Object.entries(new Host(nothing).imports).map(([module, functions]) => [
      module,
      new Set(Object.keys(functions)),
    ]),
  );
}
