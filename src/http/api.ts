/** Settings of the HTTP front end, and what crosses to its thread. */
import type { ProducerSeat, SubmittedFunction } from '../core/index.ts';
import type { ListenAddress } from './listen-address.ts';
import type { ParserLimits } from './parser.ts';
import type { RouteFieldSettings } from './route-fields.ts';
import type { TlsMaterial, TlsOptions } from './tls-options.ts';

export interface HttpLimits {
  readonly maxHeadBytes: number;
  readonly maxHeaders: number;
  /** How long a connection may wait for its next request. */
  readonly idleTimeoutMs: number;
  /** From the first byte of a head to its last. */
  readonly headTimeoutMs: number;
  /** Longest pause between two pieces of a body. */
  readonly bodyTimeoutMs: number;
  /** How long a client may take nothing of what is written to it. */
  readonly writeTimeoutMs: number;
  /** What a client has to send of a body, and to take of what is written, on the average, once the timeout of that has passed. */
  readonly minBytesPerSecond: number;
  /** Of all listeners together; beyond it a connection gets 503 and is closed. Lower where the process may not open so many files (open-files.ts). */
  readonly maxConnections: number;
  /** The last of them is answered with `Connection: close`. */
  readonly maxRequestsPerConnection: number;
  /** Requests of one connection whose answers are not written yet; reading stops there. */
  readonly maxPipelined: number;
  /** HTTP/2 (h2-session.ts): over TLS to clients that offer it; 'h2c': also to those that begin with it on a port without TLS. */
  readonly http2: boolean | 'h2c';
  /** Streams of one HTTP/2 connection at a time, those included whose client is gone and whose function has not ended yet. */
  readonly maxStreams: number;
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
  writeTimeoutMs: 30_000,
  // Apache's: far below any line that is worth being waited for, and a mebibyte drop by drop ends in half an hour.
  minBytesPerSecond: 500,
  maxConnections: 10_000,
  // Others close after 100 or 1,000 because memory of a connection may grow; here it does not.
  maxRequestsPerConnection: Number.POSITIVE_INFINITY,
  maxPipelined: 16,
  http2: true,
  // RFC 9113 section 6.5.2 wants no less, as pages are loaded in parallel.
  maxStreams: 100,
  timeoutHeader: 'X-Timeout-Ms',
};

/** Those of one head, where no route takes a longer body than `maxBodyBytes`. */
export function parserLimits(limits: HttpLimits, maxBodyBytes: number): ParserLimits {
  const { maxHeadBytes, maxHeaders } = limits;
  return { maxHeadBytes, maxHeaders, maxTargetBytes: Math.min(8192, maxHeadBytes), maxBodyBytes };
}

/** A route, bound to a loaded function. */
export interface HttpRoute {
  readonly pattern: string;
  /** `a.example`, `*.example`; missing or empty: any host (port-routes.ts). */
  readonly hosts?: readonly string[];
  /** Undefined: any method. */
  readonly methods: readonly string[] | undefined;
  /** Id of the loaded function. */
  readonly fn: number;
  readonly deadlineNs: number;
  readonly maxBodyBytes: number;
  readonly contentType: string;
  /** What is added to its requests and answers. */
  readonly adds?: RouteFieldSettings;
}

/** Routes, and where they are served. Several sites may have the same address, as long as no two of their routes take the same requests. */
export interface HttpSite {
  /** Default '127.0.0.1'. */
  readonly host?: string;
  /** 0, the default = any free one. */
  readonly port?: number;
  /** Instead of host and port: one or several addresses, as listen-address.ts has them: '*:8080', 'unix:/run/luge.sock', 'fd:3'. */
  readonly listen?: string | ListenAddress | readonly (string | ListenAddress)[];
  /** TLS at all its addresses; sites that share one have the same. Undefined: none. */
  readonly tls?: TlsOptions | undefined;
  /** 'luge': the most specific route wins. 'sledge': routes are prefixes, the first wins. */
  readonly mode: 'luge' | 'sledge';
  readonly routes: readonly HttpRoute[];
}

/** A site without the places where it is served. */
export type SiteTable = Pick<HttpSite, 'mode' | 'routes'>;

/** An address, and the numbers of the sites that are served there. */
export interface ListenPlace {
  readonly address: ListenAddress;
  readonly sites: readonly number[];
  /** Undefined: plain HTTP. */
  readonly tls: TlsMaterial | undefined;
}

/** How a listener binds TCP addresses: for itself; as the first of several, which finds out whether they are free; beside others. */
export type PortSharing = 'alone' | 'first' | 'beside';

export interface ListenerData {
  /** Its number, from 0 on. */
  readonly index: number;
  /** How many there are. */
  readonly listeners: number;
  readonly sharing: PortSharing;
  /** Of all of them (occupancy.ts). */
  readonly occupancy: SharedArrayBuffer;
  readonly seat: ProducerSeat;
  readonly limits: HttpLimits;
  /** Those that the routes lead to. */
  readonly functions: readonly SubmittedFunction[];
  /** Encoded sites; see site-record.ts. */
  readonly sites: Uint8Array<ArrayBuffer>;
  /** Its own. */
  readonly places: readonly ListenPlace[];
  /** 48 secret bytes, by which a client may resume at any listener. */
  readonly ticketKeys: Uint8Array;
  readonly logsRequests: boolean;
}

export type ToListener =
  | { readonly type: 'drain'; readonly timeoutMs: number }
  /** Of each place. */
  | { readonly type: 'reload'; readonly tls: readonly (TlsMaterial | undefined)[] };

export type FromListener =
  | {
      readonly type: 'listening';
      /** Of each place, as it was bound. */
      readonly addresses: readonly ListenAddress[];
    }
  | {
      readonly type: 'failed';
      readonly code: string;
      readonly message: string;
      /** Which could not be bound. */
      readonly address: ListenAddress | undefined;
    }
  | { readonly type: 'access'; readonly line: string }
  | { readonly type: 'reloaded' }
  | { readonly type: 'drained' };
