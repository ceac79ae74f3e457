/** The front end as the main thread sees it: a listener thread for some sites. */
import { randomBytes } from 'node:crypto';
import { Worker } from 'node:worker_threads';
import { LugeError, type Runtime } from '../core/index.ts';
import {
  DEFAULT_HTTP_LIMITS,
  type FromListener,
  type HttpLimits,
  type HttpSite,
  type ListenerData,
  type ToListener,
} from './api.ts';
import type { ListenAddress } from './listen-address.ts';
import { ListenError } from './listen-error.ts';
import { listenPlaces, readPlaces } from './listen-places.ts';
import { encodeSites } from './site-record.ts';

export interface HttpServerOptions {
  readonly sites: readonly HttpSite[];
  readonly limits?: Partial<HttpLimits>;
  /** Gets a line for each answer. */
  readonly onAccess?: (line: string) => void;
  /** The listener thread died: there is no front end any more. */
  readonly onFailure?: (error: Error) => void;
}

export interface HttpServer {
  /** Of each site, in order: the port of its first address; 0 where that has none. */
  readonly ports: readonly number[];
  /** Of each site, as bound. */
  readonly addresses: readonly (readonly ListenAddress[])[];
  /** In effect: `limits.maxConnections`, or less where the process may not open so many files. */
  readonly maxConnections: number;
  /**
   * Reads certificates again, for handshakes that begin behind it; connections stay. Rejects with ERR_TLS where one is broken, and then all
   * stay as they were.
   */
  reload(): Promise<void>;
  /** Accepts nothing new, answers what it has, and cuts what is left after `timeoutMs` (default 10,000). */
  close(timeoutMs?: number): Promise<void>;
}

/** Rejects with a ListenError, which has the system's code (EADDRINUSE, EACCES, …) and the address, when one cannot be bound. */
export async function listen(runtime: Runtime, options: HttpServerOptions): Promise<HttpServer> {
  const places = listenPlaces(options.sites);
  const read = readPlaces(options.sites, places);
  const data: ListenerData = {
    seat: runtime.takeSeat(),
    limits: { ...DEFAULT_HTTP_LIMITS, ...options.limits },
    functions: functionsOf(options.sites).map((fn) => runtime.submittedFunction(fn)),
    sites: encodeSites(options.sites),
    places: read,
    ticketKeys: randomBytes(48),
    logsRequests: options.onAccess !== undefined,
  };
  const ending = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const thread = new Worker(new URL(`./listener.${ending}`, import.meta.url), {
    workerData: data,
    execArgv: [],
    // Sockets make short-lived objects at a high rate: a larger nursery has fewer, and no dearer, collections.
    resourceLimits: { maxYoungGenerationSizeMb: 64 },
  });
  let isClosing = false;
  const exited = new Promise<void>((resolve) => thread.once('exit', () => resolve()));
  const close = async (timeoutMs = 10_000): Promise<void> => {
    isClosing = true;
    const message: ToListener = { type: 'drain', timeoutMs };
    thread.postMessage(message);
    await exited;
  };
  const acknowledgements: (() => void)[] = [];
  const reload = async (): Promise<void> => {
    const tls = readPlaces(options.sites, places).map((place) => place.tls);
    const message: ToListener = { type: 'reload', tls };
    thread.postMessage(message);
    await Promise.race([exited, new Promise<void>((done) => acknowledgements.push(done))]);
  };
  return new Promise((resolve, reject) => {
    let failure: Error | undefined;
    thread.on('message', (message: FromListener) => {
      if (message.type === 'listening') {
        const { addresses, maxConnections } = message;
        const bySite = options.sites.map((_, site) =>
          addresses.filter((_address, i) => places[i]?.sites.includes(site)),
        );
        const ports = bySite.map(([first]) => (first?.kind === 'tcp' ? first.port : 0));
        resolve({ ports, addresses: bySite, maxConnections, reload, close });
      } else if (message.type === 'failed') {
        isClosing = true;
        reject(new ListenError(message.code, message.message, message.address));
      } else if (message.type === 'reloaded') acknowledgements.shift()?.();
      else if (message.type === 'access') options.onAccess?.(message.line);
    });
    thread.on('error', (error) => {
      failure = error instanceof Error ? error : new Error(String(error));
    });
    thread.on('exit', () => {
      if (isClosing) return;
      runtime.dropSeat(data.seat);
      const error = new LugeError(
        'ERR_LISTENER_LOST',
        500,
        `the listener thread died: ${failure?.message ?? 'it ended'}`,
        { cause: failure },
      );
      reject(error);
      options.onFailure?.(error);
    });
  });
}

function functionsOf(sites: readonly HttpSite[]): number[] {
  return [...new Set(sites.flatMap(({ routes }) => routes.map(({ fn }) => fn)))];
}
