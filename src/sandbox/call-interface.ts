/**
 * Calls of other functions of the same tenant, for guests of the `luge` interface.
 *
 *   call         sends a request, sleeps until it is answered: the status, or a negative number
 *   call_size    \
 *   call_read     | read the answer of the last call, which stays until the next one, or the guest's end
 *   call_header  /
 *
 * Negative: -errno where the function was not started, or -status (-499 to -504) where it did not answer by itself: it trapped, reached a
 * limit, was cancelled. The body of the answer is a message then.
 */
import type { Exchange } from './exchange.ts';
import { guestRange, guestText } from './guest-range.ts';
import type { Host } from './host.ts';
import { OUTCOME } from './outcome.ts';
import type { Sandbox } from './sandbox.ts';

const ABSENT = -1;
const NAME_BYTES_MAX = 1024;
const HEAD_BYTES_MAX = 16384;

export function callImports(host: Host): Record<string, unknown> {
  return {
    call: (
      name: number,
      nameBytes: number,
      head: number,
      headBytes: number,
      body: number,
      bodyBytes: number,
    ): Promise<number> => {
      const sandbox = host.current;
      const callee = shortText(sandbox, name, nameBytes, NAME_BYTES_MAX);
      const text = shortText(sandbox, head, headBytes, HEAD_BYTES_MAX);
      const at = guestRange(sandbox, body, bodyBytes);
      return host.kernel.call(callee ?? '', text ?? ' ', at, bodyBytes >>> 0);
    },

    call_size: (): number => answerOf(host.current)?.body.length ?? ABSENT,

    call_read: (offset: number, ptr: number, count: number): number => {
      const sandbox = host.current;
      const answer = answerOf(sandbox);
      if (answer === undefined) return 0;
      const n = Math.min(Math.max(0, answer.body.length - (offset >>> 0)), count >>> 0);
      const at = guestRange(sandbox, ptr, n);
      return answer.body.read(offset >>> 0, sandbox.u8, at, n);
    },

    call_header: (name: number, nameBytes: number, ptr: number, cap: number): number => {
      const sandbox = host.current;
      const answer = answerOf(sandbox);
      const wanted = shortText(sandbox, name, nameBytes, NAME_BYTES_MAX)?.toLowerCase();
      const value =
        answer === undefined || wanted === undefined
          ? undefined
          : wanted === 'content-type' && isTypedByRoute(answer)
            ? sandbox.calleeType
            : fieldOf(answer, wanted);
      if (value === undefined) return ABSENT;
      const count = Math.min(value.length, cap >>> 0);
      const at = guestRange(sandbox, ptr, count);
      for (let i = 0; i < count; i++) sandbox.u8[at + i] = value.charCodeAt(i);
      return value.length;
    },
  };
}

/** Undefined for what is longer than it may be: no function and no field has such a name, and no request such a head. */
function shortText(sandbox: Sandbox, ptr: number, bytes: number, most: number): string | undefined {
  return bytes >>> 0 > most ? undefined : guestText(sandbox, ptr, bytes);
}

function answerOf(sandbox: Sandbox): Exchange | undefined {
  return sandbox.isCalling ? undefined : sandbox.callee;
}

/** As a client would see it. */
function isTypedByRoute({ isTyped, outcome, body }: Exchange): boolean {
  return !isTyped && outcome === OUTCOME.OK && body.length > 0;
}

/** Several of one name are joined by ", ". */
function fieldOf({ headers }: Exchange, wanted: string): string | undefined {
  const values: string[] = [];
  for (const line of headers.latin1(0, headers.length).split('\r\n')) {
    const colon = line.indexOf(':');
    if (line.slice(0, colon).toLowerCase() === wanted) values.push(line.slice(colon + 1).trim());
  }
  return values.length === 0 ? undefined : values.join(', ');
}
