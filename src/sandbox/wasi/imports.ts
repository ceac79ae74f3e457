/**
 * WASI preview 1 for functions: arguments from the query, CGI variables, request body on descriptor 0, response body on 1, log on
 * 2; the route's folders, read only, and a scratch folder in memory. Every function of the interface exists, so that no module fails to
 * link; what a function has no use for (sockets) answers ENOTSUP. A pointer that is bad answers EFAULT, whatever it points at.
 *
 *   imports ── process-calls ── string-list, clocks
 *          ├── poll
 *          ├── file-calls ── streams | OpenFile of scratch, host-folder
 *          ├── descriptor-calls ── directory-list, filestat
 *          └── path-calls, open ── lookup ── DirectoryNode of scratch, host-folder
 *
 * Functions are made once a worker and find their sandbox in `host.current`. A request that only has its three streams makes no table of
 * descriptors, and one that prints to stdout alone no state at all.
 */
import type { Host } from '../host.ts';
import { OUTCOME } from '../outcome.ts';
import type { Sandbox } from '../sandbox.ts';
import { descriptorCalls } from './descriptor-calls.ts';
import { EBADF, ENOTSOCK, ENOTSUP } from './errno.ts';
import { fileCalls } from './file-calls.ts';
import { pathCalls } from './path-calls.ts';
import { pollCalls } from './poll.ts';
import { processCalls } from './process-calls.ts';
import { descriptorOf, type WasiState } from './state.ts';
import { cgiOf, flushLog } from './streams.ts';

export function wasiImports(host: Host): Record<string, unknown> {
  const none = (): number => ENOTSUP;
  return {
    ...processCalls(host),
    ...pollCalls(host),
    ...fileCalls(host),
    ...descriptorCalls(host),
    ...pathCalls(host),
    sock_accept: none,
    sock_recv: none,
    sock_send: none,
    // No descriptor is a socket: here that has a word, which programs (and the WASI test suite) expect.
    sock_shutdown: (fd: number): number =>
      descriptorOf(host.current, fd) === undefined ? EBADF : ENOTSOCK,
  };
}

/** Call when the guest has ended: closes what it had open, hands over what stands in its log buffer, checks a CGI head. */
export function finishWasi(host: Host, sandbox: Sandbox): void {
  const state = sandbox.wasi as WasiState | undefined;
  if (state !== undefined) {
    state.descriptors?.closeAll();
    if (state.log !== '') flushLog(host, sandbox, state, state.log.length);
  }
  const { iface, response } = sandbox.spec;
  if (iface === 'wasi' && response === 'cgi' && sandbox.outcome === OUTCOME.OK) {
    // proc_exit(0) has fixed OK as the end; a head without its end may still be the first failure.
    sandbox.isDoomed = false;
    cgiOf(sandbox).finish(sandbox);
  }
}
