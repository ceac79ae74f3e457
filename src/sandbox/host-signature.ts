/**
 * What the JavaScript of a host function does not tell of its WebAssembly side: which parameters are i64 in every guest, because they
 * are numbers and not addresses or sizes, and which functions may suspend the guest. Only modules other than WASI's are listed.
 */
interface HostSignature {
  /** Positions of parameters that are i64 whatever the addresses of memory 0 are. */
  readonly wide?: readonly number[];
  /**
   * It returns a promise: the guest sleeps until that settles. It must not return anything else: the engine suspends the guest all
   * the same, for some microtasks of which the worker knows nothing.
   */
  readonly suspends?: boolean;
}

const SIGNATURES: Readonly<Record<string, HostSignature>> = {
  'luge.sleep': { wide: [0], suspends: true },
  'luge.call': { suspends: true },
  'luge.kv_set': { wide: [4] },
  'luge.kv_insert': { wide: [4] },
  'luge.kv_swap': { wide: [6] },
  'luge.kv_increment': { wide: [2] },
};

const NONE: readonly number[] = [];

export function wideParameters(module: string, name: string): readonly number[] {
  return SIGNATURES[`${module}.${name}`]?.wide ?? NONE;
}

export function suspends(module: string, name: string): boolean {
  return SIGNATURES[`${module}.${name}`]?.suspends === true;
}
