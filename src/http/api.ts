/** Settings of the HTTP front end, and what crosses to its thread. */
import type { ProducerSeat, SubmittedFunction } from '../core/index.ts';

export interface HttpLimits {
  readonly maxHeadBytes: number;
  readonly maxHeaders: number;
  /** How long a connection may wait for its next request. */
  readonly idleTimeoutMs: number;
  /** From the first byte of a head to its last. */
  readonly headTimeoutMs: number;
  /** Longest pause between two pieces of a body, and between two of a response that is being written. */
  readonly bodyTimeoutMs: number;
  readonly maxConnections: number;
  /** Requests of one connection whose answers are not written yet; reading stops there. */
  readonly maxPipelined: number;
  /** A field of requests that may shorten their deadline, in milliseconds; '' = none (timeout-header.ts). */
  readonly timeoutHeader: string;
}

export const DEFAULT_HTTP_LIMITS: HttpLimits = {
  // Node's and nginx's order of size: room for cookies and a token, not for an attack.
  maxHeadBytes: 16_384,
  maxHeaders: 100,
  // Not Node's 5 s: proxies keep idle connections for about a minute and would keep meeting closed ones.
  idleTimeoutMs: 60_000,
  headTimeoutMs: 10_000,
  bodyTimeoutMs: 30_000,
  maxConnections: 10_000,
  maxPipelined: 16,
  timeoutHeader: 'X-Timeout-Ms',
};

/** A route, bound to a loaded function. */
export interface HttpRoute {
  readonly pattern: string;
  /** Undefined: any method. */
  readonly methods: readonly string[] | undefined;
  /** Id of the loaded function. */
  readonly fn: number;
  readonly deadlineNs: number;
  readonly maxBodyBytes: number;
  readonly contentType: string;
}

/** One address with its routes. */
export interface HttpSite {
  readonly host: string;
  /** 0 = any free one. */
  readonly port: number;
  /** 'luge': the most specific route wins. 'sledge': routes are prefixes, the first wins. */
  readonly mode: 'luge' | 'sledge';
  readonly routes: readonly HttpRoute[];
}

export interface ListenerData {
  readonly seat: ProducerSeat;
  readonly limits: HttpLimits;
  /** Those that the routes lead to. */
  readonly functions: readonly SubmittedFunction[];
  /** Encoded sites; see site-record.ts. */
  readonly sites: Uint8Array<ArrayBuffer>;
  readonly logsRequests: boolean;
}

export type ToListener = { readonly type: 'drain'; readonly timeoutMs: number };

export type FromListener =
  | { readonly type: 'listening'; readonly ports: readonly number[] }
  | { readonly type: 'failed'; readonly code: string; readonly message: string }
  | { readonly type: 'access'; readonly line: string }
  | { readonly type: 'drained' };
