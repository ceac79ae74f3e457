/**
 * The listener threads of a server: started together, reloaded and drained together, and each replaced when it dies.
 *
 * The first one starts alone: it finds out whether the addresses are free, which ports are taken where any will do, and how many connections there may be. The others
 * come beside it. One that dies takes its connections with it, and those that the kernel had put into its backlog; its requests are given up (core/lost-seat.ts), and another
 * one takes its number, its core and its addresses. Not so behind DEATHS_MAX in a minute: what kills it is still there. And not where a socket came from outside: that was closed
 * with the thread, and nobody here can bind it.
 */
import { randomBytes } from 'node:crypto';
import { LugeError, type Runtime } from '../core/index.ts';
import {
  DEFAULT_HTTP_LIMITS,
  type HttpSite,
  type ListenerData,
  type ListenPlace,
  type PortSharing,
} from './api.ts';
import type { ListenAddress } from './listen-address.ts';
import { ListenError } from './listen-error.ts';
import { dealPlaces, listenPlaces, readPlaces } from './listen-places.ts';
import { listenerCount } from './listener-count.ts';
import { ListenerThread } from './listener-thread.ts';
import { Occupancy } from './occupancy.ts';
import type { HttpServer, HttpServerOptions } from './server.ts';
import { encodeSites } from './site-record.ts';

/** Out of thin air. */
const DEATHS_MAX = 5;
const DEATHS_MS = 60_000;

/** What all threads of it are given. */
type Common = Pick<
  ListenerData,
  'limits' | 'functions' | 'sites' | 'ticketKeys' | 'logsRequests' | 'occupancy'
>;

export class ListenerGroup implements HttpServer {
  readonly #runtime: Runtime;
  readonly #options: HttpServerOptions;
  readonly #common: Common;
  /** With certificates in force, and with ports once they are known. */
  #places: ListenPlace[];
  /** By listener. */
  readonly #dealt: readonly number[][];
  readonly #threads: ListenerThread[] = [];
  readonly #occupancy: Occupancy;
  /** By place. */
  readonly #bound: ListenAddress[] = [];
  /** Starting: none of those that die is replaced, and the first is why it does not start. */
  #phase: 'starting' | 'running' | 'over' = 'starting';
  #startFailure: LugeError | undefined;
  /** When they were, of the last minute. */
  #deathsMs: number[] = [];

  constructor(runtime: Runtime, options: HttpServerOptions) {
    const { sites, limits, listeners = 1, onAccess } = options;
    const places = listenPlaces(sites);
    this.#runtime = runtime;
    this.#options = options;
    this.#dealt = dealPlaces(places, listenerCount(listeners));
    this.#places = readPlaces(sites, places);
    this.#occupancy = Occupancy.create(this.#dealt.length);
    this.#common = {
      limits: { ...DEFAULT_HTTP_LIMITS, ...limits },
      functions: functionsOf(sites).map((fn) => runtime.submittedFunction(fn)),
      sites: encodeSites(sites),
      ticketKeys: randomBytes(48),
      logsRequests: onAccess !== undefined,
      occupancy: this.#occupancy.buffer,
    };
  }

  /** Called by `listen`. Rejects with the error of the first that cannot start; none is left then. */
  async start(): Promise<void> {
    const count = this.#dealt.length;
    try {
      await this.#bind(this.#open(0, count === 1 ? 'alone' : 'first'));
      const others = [];
      for (let n = 1; n < count; n++) others.push(this.#open(n, 'beside'));
      await Promise.all(others.map((thread) => this.#bind(thread)));
      if (this.#startFailure !== undefined) throw this.#startFailure;
    } catch (error) {
      this.#phase = 'over';
      await Promise.all(this.#threads.map((thread) => thread.kill()));
      throw error;
    }
    this.#phase = 'running';
  }

  /** Notes where it listens: those that come behind it listen there, too. */
  async #bind(thread: ListenerThread): Promise<void> {
    const addresses = await thread.ready;
    for (const [i, place] of this.#ownOf(thread.data.index).entries()) {
      const address = addresses[i] as ListenAddress;
      const old = this.#places[place] as ListenPlace;
      this.#bound[place] = address;
      // Of a descriptor, and of a file's mode, what was asked for says more.
      if (old.address.kind === 'tcp') this.#places[place] = { ...old, address };
    }
  }

  #ownOf(n: number): readonly number[] {
    return this.#dealt[n] as number[];
  }

  /** Throws ERR_NO_SEAT or ERR_CLOSED. */
  #open(n: number, sharing: PortSharing): ListenerThread {
    const seat = this.#runtime.takeSeat();
    const old = this.#threads[n]?.data.seat;
    const thread = new ListenerThread(
      {
        ...this.#common,
        index: n,
        listeners: this.#dealt.length,
        sharing,
        seat: old === undefined ? seat : { ...seat, cores: old.cores },
        places: this.#ownOf(n).map((place) => this.#places[place] as ListenPlace),
      },
      this.#options.onAccess,
    );
    this.#threads[n] = thread;
    void thread.ended.then((error) => {
      this.#runtime.dropSeat(seat);
      this.#occupancy.clear(n);
      if (error === undefined) return;
      if (this.#phase === 'starting') this.#startFailure ??= error;
      if (this.#phase === 'running') this.#replace(n, error);
    });
    return thread;
  }

  #replace(n: number, error: LugeError): void {
    const nowMs = performance.now();
    this.#deathsMs = this.#deathsMs.filter((atMs) => nowMs - atMs < DEATHS_MS);
    this.#deathsMs.push(nowMs);
    const fault = this.#faultOf(n, error);
    if (fault !== undefined) {
      this.#giveUp(fault, error);
      return;
    }
    try {
      this.#open(n, this.#dealt.length === 1 ? 'alone' : 'beside');
    } catch (cause) {
      this.#giveUp(`none can take its place: ${(cause as Error).message}`, cause);
    }
  }

  /** Why there shall be no other one in its place. */
  #faultOf(n: number, error: LugeError): string | undefined {
    if (error instanceof ListenError) return `its place cannot be taken: ${error.message}`;
    const isForeign = this.#ownOf(n).some((i) => this.#places[i]?.address.kind === 'fd');
    if (isForeign) return `${error.message}; its socket came from outside, and is closed`;
    if (this.#deathsMs.length <= DEATHS_MAX) return undefined;
    return `${error.message}; it was the ${this.#deathsMs.length}th in a minute`;
  }

  /** No other one is replaced, either. */
  #giveUp(text: string, cause: unknown): void {
    this.#phase = 'over';
    const message = text.startsWith('the listener thread')
      ? text
      : `a listener thread died, and ${text}`;
    this.#options.onFailure?.(new LugeError('ERR_LISTENER_LOST', 500, message, { cause }));
  }

  get addresses(): (readonly ListenAddress[])[] {
    return this.#options.sites.map((_, site) =>
      this.#bound.filter((_address, i) => this.#places[i]?.sites.includes(site)),
    );
  }

  get ports(): number[] {
    return this.addresses.map(([first]) => (first?.kind === 'tcp' ? first.port : 0));
  }

  get maxConnections(): number {
    return this.#occupancy.max;
  }

  get connections(): number[] {
    return this.#dealt.map((_, n) => this.#occupancy.connections(n));
  }

  async reload(): Promise<void> {
    this.#places = readPlaces(this.#options.sites, this.#places);
    await Promise.all(
      this.#threads.map((thread, n) =>
        thread.reload(this.#ownOf(n).map((place) => this.#places[place]?.tls)),
      ),
    );
  }

  async close(timeoutMs = 10_000): Promise<void> {
    this.#phase = 'over';
    const endMs = performance.now() + timeoutMs;
    await Promise.all(
      this.#threads.map(async (thread) => {
        // One that has just come instead of another: it is not drained before it is there.
        await thread.ready.catch(() => {});
        await thread.drain(Math.max(0, endMs - performance.now()));
      }),
    );
  }

  async killListener(n: number): Promise<void> {
    await this.#threads[n]?.kill();
  }
}

function functionsOf(sites: readonly HttpSite[]): number[] {
  return [...new Set(sites.flatMap(({ routes }) => routes.map(({ fn }) => fn)))];
}
