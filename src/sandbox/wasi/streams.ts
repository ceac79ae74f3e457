/** Descriptors 0, 1 and 2 as they are at the start: the request's body, the response's, the log. */
import { CgiHead } from '../cgi-head.ts';
import type { Host } from '../host.ts';
import { takeInput } from '../input.ts';
import { appendBody } from '../response.ts';
import type { Sandbox } from '../sandbox.ts';
import { UNWIND } from '../unwind.ts';
import { KIND, type Kind } from './descriptor.ts';
import { IOVECS } from './guest-memory.ts';
import { requestOf, stateOf, type WasiState } from './state.ts';

const LOG_LINE_BYTES_MAX = 8192;

/** Fills the first `count` of IOVECS from the body. How many bytes; 0 at its end. */
export function readInput(sandbox: Sandbox, count: number): number {
  const exchange = requestOf(sandbox);
  let read = 0;
  for (let i = 0; i < 2 * count; i += 2) {
    const bytes = IOVECS[i + 1] as number;
    const n = exchange.request.read(
      exchange.bodyOffset + sandbox.inputOffset,
      sandbox.u8,
      IOVECS[i] as number,
      bytes,
    );
    sandbox.inputOffset += n;
    read += n;
    if (n < bytes) break;
  }
  return read;
}

/** As `readInput`, of a body that may still come (input.ts): what is there, or WAIT if that is nothing and not the end. */
export function takeBuffers(host: Host, sandbox: Sandbox, count: number): number {
  let read = 0;
  for (let i = 0; i < 2 * count; i += 2) {
    const bytes = IOVECS[i + 1] as number;
    // An empty buffer neither waits nor ends anything.
    for (let filled = 0; filled < bytes; ) {
      const at = (IOVECS[i] as number) + filled;
      const n = takeInput(host, sandbox, at, bytes - filled);
      if (n <= 0) return read > 0 ? read : n;
      filled += n;
      read += n;
    }
  }
  return read;
}

/** Prints the first `count` of IOVECS. How many bytes: always all, or the guest ends at a limit. */
export function print(host: Host, sandbox: Sandbox, kind: Kind, count: number): number {
  let written = 0;
  for (let i = 0; i < 2 * count; i += 2) {
    const at = IOVECS[i] as number;
    const bytes = IOVECS[i + 1] as number;
    if (kind === KIND.STDOUT) printed(sandbox, at, bytes);
    else logged(host, sandbox, at, bytes);
    written += bytes;
  }
  return written;
}

export function cgiOf(sandbox: Sandbox): CgiHead {
  const state = stateOf(sandbox);
  state.cgi ??= new CgiHead();
  return state.cgi;
}

/** Whether the guest is still printing the head of its response. */
export function hasOpenHead(sandbox: Sandbox): boolean {
  const { iface, response } = sandbox.spec;
  return iface === 'wasi' && response === 'cgi' && !cgiOf(sandbox).isDone;
}

function printed(sandbox: Sandbox, at: number, bytes: number): void {
  if (sandbox.spec.response === 'raw') {
    appendBody(sandbox, sandbox.u8, at, bytes);
  } else if (!cgiOf(sandbox).write(sandbox, sandbox.u8, at, bytes)) {
    throw UNWIND;
  }
}

/** Collects whole lines, since a guest may print one in several writes. */
function logged(host: Host, sandbox: Sandbox, at: number, bytes: number): void {
  const room = Math.min(bytes, sandbox.spec.maxLogBytes - sandbox.loggedBytes);
  if (room <= 0) return;
  sandbox.loggedBytes += room;
  const state = stateOf(sandbox);
  state.log += Buffer.from(sandbox.u8.slice(at, at + room)).toString('latin1');
  const end = state.log.lastIndexOf('\n');
  if (end >= 0 || state.log.length > LOG_LINE_BYTES_MAX) {
    flushLog(host, sandbox, state, end >= 0 ? end + 1 : state.log.length);
  }
}

/** Hands over the first `bytes` of the log, which is text only here: a guest may print a character in several writes, too. */
export function flushLog(host: Host, sandbox: Sandbox, state: WasiState, bytes: number): void {
  host.kernel.log(sandbox, Buffer.from(state.log.slice(0, bytes), 'latin1').toString('utf8'));
  state.log = state.log.slice(bytes);
}
