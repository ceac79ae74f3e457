/** Calls from the embedder's own thread: a producer like a listener, without sockets. */
import {
  type Exchange,
  type FunctionSpec,
  LENGTH_UNKNOWN,
  monotonicNs,
  OUTCOME,
} from '../sandbox/index.ts';
import type { InvokeOptions, InvokeResult, RequestTiming, StreamResult } from './api.ts';
import { BodyPump, BodySource, collect, isBodyStream } from './body-source.ts';
import { LugeError, outcomeKind } from './errors.ts';
import type { SubmittedCells } from './messages.ts';
import { Producer, type ProducerPlace } from './producer.ts';
import {
  fieldLines,
  METHOD_DEFAULT,
  pathOf,
  type RequestText,
  requestFault,
  targetOf,
  writeRequest,
} from './request-text.ts';
import { ResultStream } from './result-stream.ts';

const NO_BODY = new Uint8Array(0);
/** What a full queue may take to have room again: nobody knows. As HTTP says it, in seconds. */
const RETRY_FULL_MS = 1000;

interface Call {
  readonly spec: FunctionSpec;
  readonly resolve: (result: InvokeResult | StreamResult) => void;
  readonly reject: (reason: unknown) => void;
  /** Takes the abort listener away. */
  readonly release: () => void;
  /** The caller has its answer already, or its stream an end: the slot only has to come back. */
  settled: boolean;
  readonly isStreamed: boolean;
  stream: ResultStream | undefined;
  /** What brings its body, if that comes in while the function runs. */
  pump: BodyPump | undefined;
  timing: RequestTiming | undefined;
  exitCode: number | undefined;
}

/** With the body as it can be written at once. */
type WholeOptions = Omit<InvokeOptions, 'body'> & {
  readonly body?: Uint8Array | string | undefined;
};

export class Invoker {
  readonly #producer: Producer;
  readonly #slots: number;
  /** No body that is longer can be written. */
  readonly #bodyBytesMax: number;
  readonly #calls = new Map<number, Call>();
  #onIdle: (() => void) | undefined;

  constructor(place: ProducerPlace) {
    const { slots, slotBytes, chunks, chunkBytes } = place.arena.constraints;
    this.#slots = slots;
    this.#bodyBytesMax = chunks * chunkBytes + slotBytes;
    this.#producer = new Producer(
      place,
      (exchange) => this.#complete(exchange),
      (exchange) => this.#part(exchange),
    );
  }

  get inFlight(): number {
    return this.#producer.inFlight;
  }

  /** A function whose calls come from here. */
  add(spec: FunctionSpec, cells: SubmittedCells): void {
    this.#producer.add(spec, cells);
  }

  remove(id: number): void {
    this.#producer.remove(id);
  }

  /** Rejects with LugeError, or with the signal's reason. */
  invoke(spec: FunctionSpec, options: InvokeOptions): Promise<InvokeResult | StreamResult> {
    const { body } = options;
    if (isBodyStream(body)) return this.#stream(spec, options, new BodySource(body));
    return this.#begin(spec, options as WholeOptions);
  }

  async #stream(
    spec: FunctionSpec,
    { body: _, ...options }: InvokeOptions,
    source: BodySource,
  ): Promise<InvokeResult | StreamResult> {
    try {
      if (spec.requestBody === 'stream') return await this.#begin(spec, options, source);
      return await this.#begin(spec, {
        ...options,
        body: await collected(source, this.#bodyBytesMax, options.signal),
      });
    } catch (error) {
      // Where no call has taken it, nobody else does this; behind its end it is nothing.
      source.cancel(error);
      throw error;
    }
  }

  #begin(
    spec: FunctionSpec,
    options: WholeOptions,
    source?: BodySource,
  ): Promise<InvokeResult | StreamResult> {
    const { signal, stream: isStreamed = false } = options;
    if (signal?.aborted === true) return Promise.reject(signal.reason);
    if (!((options.deadlineMs ?? 1) > 0)) {
      const text = `invoke: deadlineMs must be a number above 0, not ${options.deadlineMs}`;
      return Promise.reject(new LugeError('ERR_INVALID_ARGUMENT', 400, text));
    }
    const arrivalNs = monotonicNs();
    const limitNs = Math.min(
      spec.deadlineNs,
      (options.deadlineMs ?? Number.POSITIVE_INFINITY) * 1e6,
    );
    const request = requestOf(spec, options);
    const { body = NO_BODY } = options;
    const bytes = typeof body === 'string' ? Buffer.from(body, 'utf8') : body;
    const exchange = this.#producer.acquire(spec.id, arrivalNs, arrivalNs + limitNs);
    if (exchange === undefined) {
      const text = `all ${this.#slots} requests that may be in the system are (maxQueue)`;
      return Promise.reject(
        new LugeError('ERR_QUEUE_FULL', 503, text, { retryAfterMs: RETRY_FULL_MS }),
      );
    }
    if (!writeRequest(exchange, request, '', bytes, 0, bytes.length)) {
      exchange.free();
      const text = `no memory left for the request: all ${exchange.bodyMemoryBytes} bytes for bodies are in use (bodyMemoryBytes)`;
      return Promise.reject(new LugeError('ERR_BODY_MEMORY', 503, text));
    }
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        call.settled = true;
        this.#producer.cancel(exchange);
        reject(signal?.reason);
        call.stream?.fail(signal?.reason);
        call.pump?.stop(signal?.reason);
      };
      const call: Call = {
        spec,
        resolve,
        reject,
        release: () => signal?.removeEventListener('abort', onAbort),
        settled: false,
        isStreamed,
        stream: undefined,
        pump: undefined,
        timing: undefined,
        exitCode: undefined,
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#calls.set(exchange.slot, call);
      exchange.parts.taken = isStreamed;
      if (source !== undefined) this.#pump(call, exchange, source);
      this.#producer.submit(exchange);
    });
  }

  /** The body comes in while the function runs. */
  #pump(call: Call, exchange: Exchange, source: BodySource): void {
    const pump = new BodyPump(source, (error) => {
      if (call.settled) return;
      call.settled = true;
      this.#producer.cancel(exchange);
      call.reject(error);
      call.stream?.fail(error);
    });
    call.pump = pump;
    const feed = this.#producer.feed(exchange, {
      highWaterBytes: call.spec.requestHighWaterBytes,
      lengthBytes: LENGTH_UNKNOWN,
      onRoom: () => pump.room(),
      onStop: () => pump.stop(),
    });
    pump.start(feed);
  }

  /** A function hands over a part of its response, and goes on. */
  #part(exchange: Exchange): void {
    const call = this.#calls.get(exchange.slot) as Call;
    if (call.settled && call.stream === undefined) this.#producer.drained(exchange);
    else this.#streamFor(call, exchange).told();
  }

  #settle(call: Call, exchange: Exchange): void {
    if (exchange.outcome !== OUTCOME.OK) {
      const error = errorOf(exchange);
      if (call.stream === undefined) call.reject(error);
      else call.stream.fail(error);
    } else if (call.isStreamed) {
      this.#streamFor(call, exchange).complete();
    } else {
      call.resolve(resultOf(exchange, call.spec));
    }
  }

  /** With the first part, or the completion where there was none, the caller gets its answer. */
  #streamFor(call: Call, exchange: Exchange): ResultStream {
    if (call.stream !== undefined) return call.stream;
    const stream = new ResultStream(
      exchange,
      () => this.#producer.drained(exchange),
      () => exchange.cancel(),
    );
    call.stream = stream;
    call.resolve(streamOf(exchange, call, stream));
    return stream;
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
    call.timing = timingOf(exchange);
    call.exitCode = exchange.exitCode;
    if (!call.settled) this.#settle(call, exchange);
    exchange.free();
    if (this.#producer.inFlight === 0) {
      this.#onIdle?.();
      this.#onIdle = undefined;
    }
  }
}

function streamOf(exchange: Exchange, call: Call, stream: ResultStream): StreamResult {
  return {
    status: exchange.status,
    headers: headersOf(exchange, call.spec, true),
    body: stream.body,
    get exitCode() {
      return call.exitCode;
    },
    get timing() {
      return call.timing;
    },
  };
}

function requestOf(spec: FunctionSpec, options: WholeOptions): RequestText {
  const { method = METHOD_DEFAULT } = options;
  const target = targetFor(spec, options);
  const fields = Object.entries(options.headers ?? {});
  const fault = requestFault(method, target, fields);
  if (fault !== undefined) throw new LugeError('ERR_INVALID_ARGUMENT', 400, `invoke: ${fault}`);
  return { method, target, headers: fieldLines(fields) };
}

function targetFor(
  spec: FunctionSpec,
  { target, params }: Pick<InvokeOptions, 'target' | 'params'>,
): string {
  if (params === undefined) return target ?? targetOf(spec);
  try {
    if (target === undefined) return pathOf(spec.route, params);
  } catch (error) {
    const text = `invoke: ${(error as Error).message}`;
    throw new LugeError('ERR_INVALID_ARGUMENT', 400, text, { cause: error });
  }
  throw new LugeError('ERR_INVALID_ARGUMENT', 400, 'invoke: either target or params, not both');
}

function resultOf(exchange: Exchange, spec: FunctionSpec): InvokeResult {
  const body = new Uint8Array(exchange.body.length);
  exchange.body.read(0, body, 0, body.length);
  return {
    status: exchange.status,
    headers: headersOf(exchange, spec, body.length > 0),
    body,
    exitCode: exchange.exitCode,
    timing: timingOf(exchange),
  };
}

function headersOf(exchange: Exchange, spec: FunctionSpec, hasBody: boolean): [string, string][] {
  const headers: [string, string][] = [];
  const lines = exchange.headers.latin1(0, exchange.headers.length).split('\r\n');
  for (const line of lines) {
    const colon = line.indexOf(':');
    if (colon > 0) headers.push([line.slice(0, colon), line.slice(colon + 1).trim()]);
  }
  if (!exchange.isTyped && hasBody) headers.push(['Content-Type', spec.contentType]);
  return headers;
}

function timingOf(exchange: Exchange): RequestTiming {
  return {
    queuedNs: exchange.startNs - exchange.arrivalNs,
    runnableNs: exchange.runnableNs,
    runNs: exchange.runNs,
    preemptedNs: exchange.preemptedNs,
    asleepNs: exchange.asleepNs,
    totalNs: exchange.endNs - exchange.arrivalNs,
  };
}

function errorOf(exchange: Exchange): LugeError {
  const { code, status } = outcomeKind(exchange.outcome);
  const message = exchange.body.latin1(0, exchange.body.length);
  if (exchange.outcome === OUTCOME.NOT_ADMITTED) {
    return new LugeError(code, status, message, { retryAfterMs: exchange.retryAfterMs });
  }
  const timing = timingOf(exchange);
  const { exitCode } = exchange;
  const isExit = exchange.outcome === OUTCOME.EXIT;
  return new LugeError(code, status, message, isExit ? { timing, exitCode } : { timing });
}

/** Nobody waits for a source any more once `signal` is aborted. */
async function collected(
  source: BodySource,
  bytesMax: number,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  if (signal === undefined) return collect(source, bytesMax);
  signal.throwIfAborted();
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([collect(source, bytesMax), promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
