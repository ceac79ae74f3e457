/** The front end as the embedder sees it. */
import type { Runtime } from '../core/index.ts';
import type { HttpLimits, HttpSite } from './api.ts';
import type { ListenAddress } from './listen-address.ts';
import type { ListenersOption } from './listener-count.ts';
import { ListenerGroup } from './listener-group.ts';

export interface HttpServerOptions {
  readonly sites: readonly HttpSite[];
  readonly limits?: Partial<HttpLimits>;
  /** Threads that accept, read and write, 1 to 16, each with a producer's seat of the runtime; 'auto': listener-count.ts. Default 1. */
  readonly listeners?: ListenersOption;
  /** Gets a line for each answer. */
  readonly onAccess?: (line: string) => void;
  /**
   * ERR_LISTENER_LOST, once: a listener thread died that is not replaced, as too many did in a minute, or as what it listened at cannot be bound again. Others go
   * on until `close`.
   */
  readonly onFailure?: (error: Error) => void;
}

export interface HttpServer {
  /** Of each site, in order: the port of its first address; 0 where that has none. */
  readonly ports: readonly number[];
  /** Of each site, as bound. */
  readonly addresses: readonly (readonly ListenAddress[])[];
  /** In effect: `limits.maxConnections`, or less where the process may not open so many files. */
  readonly maxConnections: number;
  /** Open ones, by listener. */
  readonly connections: readonly number[];
  /**
   * Reads certificates again, for handshakes that begin behind it, at all listeners; connections stay. Rejects with ERR_TLS where one is broken, and then all stay as
   * they were.
   */
  reload(): Promise<void>;
  /** Accepts nothing new, answers what it has, and cuts what is left after `timeoutMs` (default 10,000). */
  close(timeoutMs?: number): Promise<void>;
  /** Ends the thread of listener `n` at once. For fault tests: it is replaced. */
  killListener(n: number): Promise<void>;
}

/** Rejects with a ListenError, which has the system's code (EADDRINUSE, EACCES, …) and the address, when one cannot be bound. */
export async function listen(runtime: Runtime, options: HttpServerOptions): Promise<HttpServer> {
  const group = new ListenerGroup(runtime, options);
  await group.start();
  return group;
}
