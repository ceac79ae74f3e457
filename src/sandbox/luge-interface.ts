/**
 * The `luge` interface: a few host functions without descriptors. Reads copy at most `cap` bytes to `ptr` and return the full
 * length, so that a guest whose buffer was too small knows what it needs. A pointer range outside the guest's memory ends the
 * guest as an out-of-bounds access of its own would (outcome TRAP); it never reaches the host.
 */
import { monotonicNs } from './clock.ts';
import { ERRNO } from './errno.ts';
import { guestRange, guestText } from './guest-range.ts';
import type { Host } from './host.ts';
import { OUTCOME } from './outcome.ts';
import { headerValue, parameterValue } from './request-head.ts';
import { addHeader, appendBody, setStatus } from './response.ts';
import type { Sandbox } from './sandbox.ts';
import { UNWIND } from './unwind.ts';
import { hasOpenHead } from './wasi/streams.ts';

const ABSENT = -1;
const NAME_BYTES_MAX = 256;
const VALUE_BYTES_MAX = 8192;
const LOG_BYTES_MAX = 8192;

export function lugeImports(host: Host): Record<string, unknown> {
  return {
    method: (ptr: number, cap: number): number => {
      const exchange = requestOf(host.current);
      return copyOut(host.current, 0, exchange.methodBytes, ptr, cap);
    },

    path: (ptr: number, cap: number): number => {
      const exchange = requestOf(host.current);
      return copyOut(host.current, exchange.methodBytes, exchange.pathBytes, ptr, cap);
    },

    query: (ptr: number, cap: number): number => {
      const exchange = requestOf(host.current);
      const skip = exchange.pathBytes + 1;
      const count = Math.max(0, exchange.targetBytes - skip);
      return copyOut(host.current, exchange.methodBytes + skip, count, ptr, cap);
    },

    param: (namePtr: number, nameBytes: number, ptr: number, cap: number): number => {
      const sandbox = host.current;
      if (nameBytes >>> 0 > NAME_BYTES_MAX) return ABSENT;
      const name = guestText(sandbox, namePtr, nameBytes);
      return textOut(sandbox, parameterValue(requestOf(sandbox), sandbox.spec, name), ptr, cap);
    },

    header: (namePtr: number, nameBytes: number, ptr: number, cap: number): number => {
      const sandbox = host.current;
      if (nameBytes >>> 0 > NAME_BYTES_MAX) return ABSENT;
      const name = guestText(sandbox, namePtr, nameBytes);
      return textOut(sandbox, headerValue(requestOf(sandbox), name), ptr, cap);
    },

    body_size: (): number => requestOf(host.current).bodyBytes,

    body_read: (offset: number, ptr: number, count: number): number => {
      const sandbox = host.current;
      const exchange = requestOf(sandbox);
      const left = Math.max(0, exchange.bodyBytes - (offset >>> 0));
      const n = Math.min(left, count >>> 0);
      const at = guestRange(sandbox, ptr, n);
      return exchange.request.read(exchange.bodyOffset + (offset >>> 0), sandbox.u8, at, n);
    },

    status: (code: number): number => {
      if (host.current.isHeadFixed) return ERRNO.ALREADY;
      if (!setStatus(host.current, code)) {
        host.current.doom(
          OUTCOME.BAD_RESPONSE,
          `the function set status ${code}; 200 to 599 are possible`,
        );
        throw UNWIND;
      }
      return ERRNO.OK;
    },

    set_header: (namePtr: number, nameBytes: number, ptr: number, bytes: number): number => {
      const sandbox = host.current;
      if (sandbox.isHeadFixed) return ERRNO.ALREADY;
      if (nameBytes >>> 0 > NAME_BYTES_MAX || bytes >>> 0 > VALUE_BYTES_MAX) return ERRNO.INVAL;
      return addHeader(
        sandbox,
        guestText(sandbox, namePtr, nameBytes),
        guestText(sandbox, ptr, bytes),
      )
        ? ERRNO.OK
        : ERRNO.INVAL;
    },

    write: (ptr: number, bytes: number): number => {
      const sandbox = host.current;
      const at = guestRange(sandbox, ptr, bytes);
      appendBody(sandbox, sandbox.u8, at, bytes >>> 0);
      return bytes;
    },

    // A head that is still being printed cannot go out.
    flush: (): number => {
      const sandbox = host.current;
      if (hasOpenHead(sandbox)) return ERRNO.INVAL;
      host.kernel.flush(sandbox);
      return ERRNO.OK;
    },

    log: (ptr: number, bytes: number): void => {
      const sandbox = host.current;
      const at = guestRange(sandbox, ptr, bytes);
      const end = at + Math.min(bytes >>> 0, LOG_BYTES_MAX);
      host.kernel.log(sandbox, Buffer.from(sandbox.u8.slice(at, end)).toString('utf8'));
    },

    clock_ns: (): bigint => BigInt(Math.round(monotonicNs())),

    // Of 0 and less it lets others run, and goes on.
    sleep: (ns: bigint): Promise<number> =>
      host.kernel.sleep(monotonicNs() + Math.max(0, Number(ns))),
  };
}

function requestOf(sandbox: Sandbox): NonNullable<Sandbox['exchange']> {
  // A host call can only come from a guest that runs, and it runs only with a request.
  return sandbox.exchange as NonNullable<Sandbox['exchange']>;
}

/** A character is a byte. */
function textOut(sandbox: Sandbox, text: string | undefined, ptr: number, cap: number): number {
  if (text === undefined) return ABSENT;
  const count = Math.min(text.length, cap >>> 0);
  const at = guestRange(sandbox, ptr, count);
  sandbox.u8.set(Buffer.from(text.slice(0, count), 'latin1'), at);
  return text.length;
}

function copyOut(
  sandbox: Sandbox,
  offset: number,
  bytes: number,
  ptr: number,
  cap: number,
): number {
  const count = Math.min(bytes, cap >>> 0);
  if (count > 0) {
    const at = guestRange(sandbox, ptr, count);
    requestOf(sandbox).request.read(offset, sandbox.u8, at, count);
  }
  return bytes;
}
