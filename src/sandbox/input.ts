/**
 * The body of its request, as a guest reads it on from where it is: first what came with the head, then the parts of a feed (feed.ts) as they come.
 *
 * Only functions that take their bodies as streams get here (FunctionSpec.requestBody): their host calls that read are suspending imports, which cost 0.5 µs each
 * (wasi/poll.ts) even where nothing has to be waited for. The others read a whole body by plain calls (luge-interface.ts, wasi/streams.ts).
 */
import type { Exchange } from './exchange.ts';
import { NOTHING_YET } from './feed.ts';
import type { Host } from './host.ts';
import type { Sandbox } from './sandbox.ts';

/** What a call answers in the place of a number that the guest gets: it has to wait. */
export const WAIT: number = NOTHING_YET;

/** Bytes that can be read at once: 0 at the end, WAIT while there are none. */
export function inputReady(sandbox: Sandbox): number {
  const exchange = sandbox.exchange as Exchange;
  const here = exchange.bodyBytesHere - sandbox.inputOffset;
  if (here > 0) return here;
  if (!exchange.isFed) return 0;
  // In this order: what comes in between is not the end (feed.ts, F2).
  const { hasEnded } = exchange.feed;
  const { readyBytes } = exchange.feed;
  return readyBytes > 0 || hasEnded ? readyBytes : WAIT;
}

/** Copies up to `count` of them to the guest's memory. How many: 0 at the end, WAIT while there are none. */
export function takeInput(host: Host, sandbox: Sandbox, at: number, count: number): number {
  const exchange = sandbox.exchange as Exchange;
  const here = exchange.bodyBytesHere - sandbox.inputOffset;
  if (here > 0) {
    const from = exchange.bodyOffset + sandbox.inputOffset;
    const read = exchange.request.read(from, sandbox.u8, at, count);
    sandbox.inputOffset += read;
    return read;
  }
  if (!exchange.isFed) return 0;
  return took(host, sandbox, exchange, exchange.feed.read(sandbox.u8, at, count));
}

/** As `takeInput`, but they are dropped. */
export function skipInput(host: Host, sandbox: Sandbox, count: number): number {
  const exchange = sandbox.exchange as Exchange;
  const here = exchange.bodyBytesHere - sandbox.inputOffset;
  if (here > 0) {
    const skipped = Math.min(here, count);
    sandbox.inputOffset += skipped;
    return skipped;
  }
  if (!exchange.isFed) return 0;
  return took(host, sandbox, exchange, exchange.feed.skip(count));
}

function took(host: Host, sandbox: Sandbox, exchange: Exchange, bytes: number): number {
  if (bytes <= 0) return bytes;
  sandbox.inputOffset += bytes;
  const { feed } = exchange;
  if (feed.isUsedUp && feed.drain()) host.kernel.drained(exchange);
  return bytes;
}

/**
 * Makes a host call of `attempt`, which answers WAIT as long as there is nothing to read and is tried again when that may have changed. It must look up
 * everything anew each time.
 */
export function awaiting(
  host: Host,
  attempt: (sandbox: Sandbox) => number,
): number | Promise<number> {
  const sandbox = host.current;
  const answer = attempt(sandbox);
  return answer === WAIT ? wait(host, attempt) : passed(sandbox, answer);
}

function wait(host: Host, attempt: (sandbox: Sandbox) => number): Promise<number> {
  return host.kernel.awaitInput(Number.POSITIVE_INFINITY).then(() => {
    const answer = attempt(host.current);
    return answer === WAIT ? wait(host, attempt) : answer;
  });
}

/** What a suspending import answers at once: the loop that waits for the guest has to know that it is there. */
export function passed(
  sandbox: Sandbox,
  answer: number | Promise<number>,
): number | Promise<number> {
  if (typeof answer === 'number') sandbox.passes++;
  return answer;
}
