/**
 * `body_size` and `body_read` of the `luge` interface, for functions that take their bodies as streams: reads wait, and go forward only, as what was read is given back
 * at once. So it is with a body that was there as a whole, too: a guest that works with one works with the other.
 */
import { ERRNO } from './errno.ts';
import type { Exchange } from './exchange.ts';
import { LENGTH_UNKNOWN } from './feed.ts';
import { guestRange } from './guest-range.ts';
import type { Host } from './host.ts';
import { awaiting, inputReady, skipInput, takeInput, WAIT } from './input.ts';
import type { Sandbox } from './sandbox.ts';

const I32_MAX = 0x7fff_ffff;

export function inputImports(host: Host): Record<'body_size' | 'body_read', unknown> {
  return {
    body_size: (): number => {
      const exchange = host.current.exchange as Exchange;
      const bytes = exchange.isFed ? exchange.feed.lengthBytes : exchange.bodyBytes;
      return bytes > I32_MAX ? LENGTH_UNKNOWN : bytes;
    },

    body_read: (offset: number, ptr: number, count: number): number | Promise<number> =>
      awaiting(host, (sandbox) => readAt(host, sandbox, offset, ptr, count >>> 0)),
  };
}

/** Offsets are compared as the u32 that they are: a body may be longer than that. */
function readAt(host: Host, sandbox: Sandbox, offset: number, ptr: number, count: number): number {
  for (;;) {
    const ahead = (offset - sandbox.inputOffset) >>> 0;
    if (ahead > I32_MAX) return -ERRNO.SPIPE;
    if (count === 0) return 0;
    if (ahead === 0) break;
    const skipped = skipInput(host, sandbox, ahead);
    if (skipped <= 0) return skipped;
  }
  const ready = inputReady(sandbox);
  if (ready === WAIT) return WAIT;
  const n = Math.min(ready, count);
  return n === 0 ? 0 : takeInput(host, sandbox, guestRange(sandbox, ptr, n), n);
}
