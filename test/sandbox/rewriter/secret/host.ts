// The host's side of a guest made of places: its imports, what JavaScript writes through exports, what it sees there.

import { createHash } from 'node:crypto';
import { ending } from '../harness.ts';
import { type Place, SECRET, SECRET_BYTE, SECRET_I32, SECRETS, THING } from './place.ts';

export type Exports = Record<string, unknown>;

/** The distinctive host object, and any other. */
const thing = { is: 'the secret' };

export interface Signals {
  readonly raise: () => void;
  /** In front of a bulk instruction of the place `index`. */
  readonly bulk: (index: number) => void;
}

const SILENT: Signals = { raise: () => undefined, bulk: () => undefined };

/** Each call gives imports of their own. */
export function importsOf(
  places: readonly Place[],
  signals: Signals = SILENT,
): Record<string, Record<string, unknown>> {
  const state: Record<string, unknown> = {};
  for (const [index, { provided }] of places.entries()) {
    if (provided === undefined) continue;
    const { kind, type, limits, wide, shared } = provided;
    const name = `x${index}`;
    if (kind === 'global') {
      const [value, init] =
        type === 'funcref'
          ? (['anyfunc', null] as const)
          : ([type, type === 'i64' ? 11n : 11] as const);
      const descriptor = { value, mutable: true };
      state[name] = new WebAssembly.Global(descriptor, init);
      continue;
    }
    const [initial, maximum] = limits.map((limit) => (wide ? BigInt(limit) : limit));
    const descriptor = { address: wide ? 'i64' : 'i32', initial, maximum };
    state[name] =
      kind === 'table'
        ? new WebAssembly.Table({ ...descriptor, element: 'anyfunc' } as never)
        : new WebAssembly.Memory({ ...descriptor, shared } as never);
  }
  const identify = (object: unknown): bigint =>
    object === null ? 0n : object === thing ? THING : 1n;
  return { state, test: { ...signals, thing: () => thing, identify } };
}

/** What a served guest cannot do: the host of a module that is called by hand writes through its exports. */
export function hideThroughExports(exports: Exports, places: readonly Place[]): void {
  for (const [index, { writable, memory, table }] of places.entries()) {
    const item = exports[`x${index}`];
    if (memory !== undefined) new Uint8Array((item as WebAssembly.Memory).buffer).fill(SECRET_BYTE);
    if (writable === undefined) continue;
    const value = secretOf(writable, exports);
    if (table === undefined) (item as WebAssembly.Global).value = value;
    else (item as WebAssembly.Table).set(indexOf(item as WebAssembly.Table, 1), value);
  }
}

function secretOf(kind: Exclude<Place['writable'], undefined>, exports: Exports): unknown {
  switch (kind) {
    case 'i32':
      return SECRET_I32;
    case 'i64':
      return SECRET;
    case 'f32':
      return new Float32Array(new Uint32Array([SECRET_I32]).buffer)[0];
    case 'f64':
      return new Float64Array(new BigUint64Array([SECRET]).buffer)[0];
    case 'func':
      return exports.hidden;
    case 'extern':
      return thing;
  }
}

/** Of a table with 64-bit indices the length is a bigint, and so is what get and set take. */
function indexOf(table: WebAssembly.Table, index: number): number {
  return (typeof (table.length as unknown) === 'bigint' ? BigInt(index) : index) as number;
}

const SECRET_BYTES = Buffer.from(new BigUint64Array([SECRET]).buffer);
const FILL_BYTES = Buffer.alloc(8, SECRET_BYTE);

export interface Sight {
  /** By place and by what looked at it. */
  readonly seen: Readonly<Record<string, string>>;
  readonly hasSecret: boolean;
}

/** Everything, as the guest's own functions and as the host see it. */
export function lookEverywhere(exports: Exports, places: readonly Place[]): Sight {
  const seen: Record<string, string> = {};
  let hasSecret = false;
  const note = (name: string, value: unknown): void => {
    if (typeof value === 'bigint' && SECRETS.has(BigInt.asUintN(64, value))) hasSecret = true;
    seen[name] = String(value);
  };
  for (const [index, { looks }] of places.entries()) {
    for (const [at, { args }] of looks.entries()) {
      const name = `look.${index}.${at}`;
      for (const arg of args)
        note(
          `${name}(${arg})`,
          attempt(() => call(exports, name, arg)),
        );
    }
    const item = exports[`x${index}`];
    if (item instanceof WebAssembly.Memory) {
      // A copy: to search a shared view is several times slower.
      const bytes = Buffer.copyBytesFrom(new Uint8Array(item.buffer));
      hasSecret ||= bytes.includes(SECRET_BYTES) || bytes.includes(FILL_BYTES);
      note(`x${index}`, digest(bytes));
    } else if (item instanceof WebAssembly.Global) {
      note(
        `x${index}`,
        attempt(() => numberOf(item.value)),
      );
    } else if (item instanceof WebAssembly.Table) {
      for (let at = 0; at < Math.min(Number(item.length), 9); at += 1) {
        note(
          `x${index}[${at}]`,
          attempt(() => numberOf(item.get(indexOf(item, at)))),
        );
      }
    }
  }
  return { seen, hasSecret };
}

export function call(exports: Exports, name: string, ...args: unknown[]): unknown {
  return (exports[name] as (...args: unknown[]) => unknown)(...args);
}

function attempt(read: () => unknown): unknown {
  try {
    return read();
  } catch (error) {
    return ending(error);
  }
}

/** Floats by their bits. */
function numberOf(value: unknown): unknown {
  if (value === thing) return THING;
  if (typeof value === 'function') return (value as () => unknown)();
  if (typeof value === 'object' && value !== null) return 'object';
  if (typeof value !== 'number') return value;
  const bits = new Uint32Array(new Float32Array([value]).buffer)[0];
  if (value === SECRET_I32 || bits === SECRET_I32) return BigInt(SECRET_I32);
  return new BigUint64Array(new Float64Array([value]).buffer)[0];
}

/** Zeros at the end do not count: a memory that stays grown has more of them. */
function digest(bytes: Buffer): string {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end -= 1;
  return createHash('sha1').update(bytes.subarray(0, end)).digest('hex');
}

/** How the table or memory of each place stands: the number of elements, or pages. */
export function sizesOf(exports: Exports, places: readonly Place[]): number[] {
  return places.map(({ table, memory }, index) => {
    if (table !== undefined) return Number(call(exports, `look.${index}.${table.sizeLook}`, 0));
    if (memory === undefined) return 0;
    return (exports[`x${index}`] as WebAssembly.Memory).buffer.byteLength / 65_536;
  });
}
