/** What the WASI calls of one request keep. Made at the first call that needs it, dropped with the request. */
import type { CgiHead } from '../cgi-head.ts';
import type { Exchange } from '../exchange.ts';
import type { Sandbox } from '../sandbox.ts';
import type { Descriptor } from './descriptor.ts';
import { DescriptorTable } from './descriptor-table.ts';
import type { StringList } from './string-list.ts';

export class WasiState {
  args: StringList | undefined = undefined;
  environment: StringList | undefined = undefined;
  cgi: CgiHead | undefined = undefined;
  /** What was printed on stderr since the last line that went to the log; a character is a byte. */
  log = '';
  /** Undefined: the guest has its three streams and has not asked for more. */
  descriptors: DescriptorTable | undefined = undefined;
}

export function stateOf(sandbox: Sandbox): WasiState {
  sandbox.wasi ??= new WasiState();
  return sandbox.wasi as WasiState;
}

/** A host call can only come from a guest that runs, and it runs only with a request. */
export function requestOf(sandbox: Sandbox): Exchange {
  return sandbox.exchange as Exchange;
}

export function descriptorsOf(sandbox: Sandbox): DescriptorTable {
  const state = stateOf(sandbox);
  state.descriptors ??= new DescriptorTable(sandbox);
  return state.descriptors;
}

export function descriptorOf(sandbox: Sandbox, fd: number): Descriptor | undefined {
  return descriptorsOf(sandbox).get(fd);
}

/** True while `fd` is surely one of the streams that the guest began with: then no table need be made. */
export function isFirstStream(sandbox: Sandbox, fd: number): boolean {
  const state = sandbox.wasi as WasiState | undefined;
  return fd >>> 0 < 3 && (state === undefined || state.descriptors === undefined);
}
