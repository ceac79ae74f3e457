/**
 * What the JavaScript of a host function does not tell of its WebAssembly side: its type, and whether it may suspend the guest. Only modules
 * other than WASI's are listed.
 */
interface HostSignature {
  /** `i`: an address, a size or a number, an i32 or, where memory 0 has 64-bit addresses, an i64. `l`: an i64 in every guest. */
  readonly parameters: string;
  readonly result: '' | 'i32' | 'i64';
  /** It may be imported without its result, which an earlier version did not have. */
  readonly mayDropResult?: boolean;
  /**
   * It returns a promise: the guest sleeps until that settles. It must not return anything else: the engine suspends the guest all
   * the same, for some microtasks of which the worker knows nothing.
   */
  readonly suspends?: boolean;
}

function signature(parameters: string, result: HostSignature['result'] = 'i32'): HostSignature {
  return { parameters, result };
}

const SIGNATURES: ReadonlyMap<string, HostSignature> = new Map([
  ['luge.method', signature('ii')],
  ['luge.path', signature('ii')],
  ['luge.query', signature('ii')],
  ['luge.param', signature('iiii')],
  ['luge.header', signature('iiii')],
  ['luge.body_size', signature('')],
  ['luge.body_read', signature('iii')],
  ['luge.status', { ...signature('i'), mayDropResult: true }],
  ['luge.set_header', signature('iiii')],
  ['luge.write', signature('ii')],
  ['luge.flush', signature('')],
  ['luge.log', signature('ii', '')],
  ['luge.clock_ns', signature('', 'i64')],
  ['luge.sleep', { ...signature('l', ''), suspends: true }],
  ['luge.call', { ...signature('iiiiii'), suspends: true }],
  ['luge.call_size', signature('')],
  ['luge.call_read', signature('iii')],
  ['luge.call_header', signature('iiii')],
  ['luge.kv_get', signature('iiii')],
  ['luge.kv_set', signature('iiiil')],
  ['luge.kv_insert', signature('iiiil')],
  ['luge.kv_swap', signature('iiiiiil')],
  ['luge.kv_increment', signature('iili')],
  ['luge.kv_delete', signature('ii')],
  ['env.abort', signature('iiii', '')],
  ['scratch_storage.get_size', signature('ii')],
  ['scratch_storage.get', signature('iiii')],
  ['scratch_storage.set', signature('iiii')],
  ['scratch_storage.delete', signature('ii')],
  ['scratch_storage.upsert', signature('iiii', '')],
]);

export function hostSignature(module: string, name: string): HostSignature | undefined {
  return SIGNATURES.get(`${module}.${name}`);
}

/** Positions of parameters that are i64 whatever the addresses of memory 0 are. */
export function wideParameters(module: string, name: string): readonly number[] {
  const parameters = hostSignature(module, name)?.parameters ?? '';
  return [...parameters].flatMap((kind, i) => (kind === 'l' ? [i] : []));
}

export function suspends(module: string, name: string): boolean {
  return hostSignature(module, name)?.suspends === true;
}
