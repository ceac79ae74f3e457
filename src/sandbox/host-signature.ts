/**
 * What the JavaScript of a host function does not tell of its WebAssembly side: which parameters are i64 in every guest, because they
 * are numbers and not addresses or sizes, and which functions may suspend the guest. Only modules other than WASI's are listed.
 */
interface HostSignature {
  /** Positions of parameters that are i64 whatever the addresses of memory 0 are. */
  readonly wide?: readonly number[];
  /** It may return a promise: the guest sleeps until that settles. */
  readonly suspends?: boolean;
}

const SIGNATURES: Readonly<Record<string, HostSignature>> = {
  'luge.sleep': { wide: [0], suspends: true },
};

const NONE: readonly number[] = [];

export function wideParameters(module: string, name: string): readonly number[] {
  return SIGNATURES[`${module}.${name}`]?.wide ?? NONE;
}

export function suspends(module: string, name: string): boolean {
  return SIGNATURES[`${module}.${name}`]?.suspends === true;
}
