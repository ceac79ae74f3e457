/** Calls from the embedder's own thread: a producer like a listener, without sockets. */
import type { Arena } from '../ring/index.ts';
import { type Exchange, type FunctionSpec, monotonicNs, OUTCOME } from '../sandbox/index.ts';
import type { InvokeOptions, InvokeResult } from './api.ts';
import { LugeError, outcomeKind } from './errors.ts';
import { Producer } from './producer.ts';

const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const TARGET = /^\/[\x21-\x7e\x80-\xff]*$/;
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
const NO_BODY = new Uint8Array(0);

interface Call {
  readonly spec: FunctionSpec;
  readonly resolve: (result: InvokeResult) => void;
  readonly reject: (reason: unknown) => void;
  /** Takes the abort listener away. */
  readonly release: () => void;
  /** The caller has its answer already: the slot only has to come back. */
  settled: boolean;
}

export class Invoker {
  readonly #producer: Producer;
  readonly #calls = new Map<number, Call>();
  #onIdle: (() => void) | undefined;

  constructor(arena: Arena, index: number) {
    this.#producer = new Producer(arena, index, (exchange) => this.#complete(exchange));
  }

  get inFlight(): number {
    return this.#producer.inFlight;
  }

  /** Rejects with LugeError, or with the signal's reason. */
  invoke(spec: FunctionSpec, options: InvokeOptions): Promise<InvokeResult> {
    const { signal } = options;
    if (signal?.aborted === true) return Promise.reject(signal.reason);
    const arrivalNs = monotonicNs();
    const limitNs = Math.min(
      spec.deadlineNs,
      (options.deadlineMs ?? Number.POSITIVE_INFINITY) * 1e6,
    );
    const head = headOf(spec, options);
    const exchange = this.#producer.acquire(spec.id, arrivalNs, arrivalNs + limitNs);
    if (exchange === undefined) {
      return Promise.reject(new LugeError('ERR_QUEUE_FULL', 503, 'the queue of requests is full'));
    }
    if (!write(exchange, head, options.body)) {
      exchange.free();
      return Promise.reject(
        new LugeError(
          'ERR_BODY_MEMORY',
          503,
          'no memory left for request bodies (bodyMemoryBytes)',
        ),
      );
    }
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        call.settled = true;
        exchange.cancel();
        reject(signal?.reason);
      };
      const call: Call = {
        spec,
        resolve,
        reject,
        release: () => signal?.removeEventListener('abort', onAbort),
        settled: false,
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#calls.set(exchange.slot, call);
      this.#producer.submit(exchange);
    });
  }

  /** Asks for the end of all calls. */
  cancelAll(): void {
    this.#producer.cancelAll(this.#calls.keys());
  }

  /** Resolves when no call is under way. */
  idle(): Promise<void> {
    if (this.#producer.inFlight === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onIdle = resolve;
    });
  }

  #complete(exchange: Exchange): void {
    const call = this.#calls.get(exchange.slot) as Call;
    this.#calls.delete(exchange.slot);
    call.release();
    if (!call.settled) {
      if (exchange.outcome === OUTCOME.OK) call.resolve(resultOf(exchange, call.spec));
      else call.reject(errorOf(exchange));
    }
    exchange.free();
    if (this.#producer.inFlight === 0) {
      this.#onIdle?.();
      this.#onIdle = undefined;
    }
  }
}

/** The parts of the request's head, checked: what HTTP could not carry is refused here too. */
function headOf(spec: FunctionSpec, options: InvokeOptions): readonly [string, string, string] {
  const method = options.method ?? 'POST';
  const target =
    options.target ?? (spec.route.endsWith('/*') ? spec.route.slice(0, -1) : spec.route);
  if (!TOKEN.test(method)) throw invalid(`method ${JSON.stringify(method)} is no token`);
  if (!TARGET.test(target)) {
    throw invalid(
      `target ${JSON.stringify(target)} must begin with '/' and hold no blanks or control characters`,
    );
  }
  let headers = '';
  for (const [name, value] of Object.entries(options.headers ?? {})) {
    if (!TOKEN.test(name)) throw invalid(`header name ${JSON.stringify(name)} is no token`);
    if (!FIELD_VALUE.test(value))
      throw invalid(`header ${name} has a control character in its value`);
    headers += `${name}: ${value.trim()}\r\n`;
  }
  return [method, target, headers];
}

function invalid(message: string): LugeError {
  return new LugeError('ERR_INVALID_ARGUMENT', 400, `invoke: ${message}`);
}

function write(
  exchange: Exchange,
  [method, target, headers]: readonly [string, string, string],
  body: Uint8Array | string | undefined,
): boolean {
  const question = target.indexOf('?');
  const head = Buffer.from(method + target + headers, 'latin1');
  const bytes = typeof body === 'string' ? Buffer.from(body, 'utf8') : (body ?? NO_BODY);
  exchange.setHead(
    method.length,
    target.length,
    question < 0 ? target.length : question,
    headers.length,
    0,
  );
  return (
    exchange.request.append(head, 0, head.length) && exchange.request.append(bytes, 0, bytes.length)
  );
}

function resultOf(exchange: Exchange, spec: FunctionSpec): InvokeResult {
  const body = new Uint8Array(exchange.body.length);
  exchange.body.read(0, body, 0, body.length);
  const headers: [string, string][] = [];
  const lines = exchange.headers.latin1(0, exchange.headers.length).split('\r\n');
  for (const line of lines) {
    const colon = line.indexOf(':');
    if (colon > 0) headers.push([line.slice(0, colon), line.slice(colon + 1).trim()]);
  }
  if (!exchange.isTyped && body.length > 0) headers.push(['Content-Type', spec.contentType]);
  return {
    status: exchange.status,
    headers,
    body,
    timing: {
      queuedNs: exchange.startNs - exchange.arrivalNs,
      runnableNs: exchange.runnableNs,
      runNs: exchange.runNs,
      preemptedNs: exchange.preemptedNs,
      asleepNs: exchange.asleepNs,
      totalNs: exchange.endNs - exchange.arrivalNs,
    },
  };
}

function errorOf(exchange: Exchange): LugeError {
  const { code, status } = outcomeKind(exchange.outcome);
  return new LugeError(code, status, exchange.body.latin1(0, exchange.body.length));
}
