/** The whole server on a free port, and a client that sends bytes as they are: what a well-behaved one would never send too. */
import { readFileSync } from 'node:fs';
import { connect, type NetConnectOpts, type Socket } from 'node:net';
import type { LoadOptions, RuntimeOptions } from '../../src/core/index.ts';
import { createRuntime, type Runtime } from '../../src/core/index.ts';
import {
  type HttpLimits,
  type HttpServer,
  type HttpSite,
  listen,
  type RouteFieldSettings,
} from '../../src/http/index.ts';

/** Bound of every wait: long enough for a loaded machine, and no test's verdict depends on it. */
const WAIT_MS = 20_000;

export function example(name: string): Uint8Array {
  return readFileSync(new URL(`../../examples/build/${name}.wasm`, import.meta.url));
}

export interface TestRoute extends Partial<LoadOptions> {
  readonly wasm: Uint8Array;
  readonly methods?: readonly string[];
  readonly maxBodyBytes?: number;
  readonly adds?: RouteFieldSettings;
}

export interface TestServer extends AsyncDisposable {
  readonly runtime: Runtime;
  readonly server: HttpServer;
  readonly port: number;
  /** A new connection, closed with the server. */
  open(): Promise<Client>;
}

export interface TestServerOptions extends RuntimeOptions, Pick<HttpSite, 'listen' | 'tls'> {
  readonly limits?: Partial<HttpLimits>;
  readonly listeners?: number;
  readonly onAccess?: (line: string) => void;
  readonly onFailure?: (error: Error) => void;
}

/** Serves `routes` (pattern -> function) on a free port of 127.0.0.1, or wherever else. */
export async function serve(
  routes: Readonly<Record<string, TestRoute>>,
  {
    limits,
    listeners = 1,
    onAccess,
    onFailure,
    listen: places = '127.0.0.1:0',
    tls,
    ...options
  }: TestServerOptions = {},
): Promise<TestServer> {
  const runtime = await createRuntime({ workers: 1, ...options });
  const bound = [];
  for (const [pattern, { methods, maxBodyBytes = 2 ** 20, adds = {}, ...load }] of Object.entries(
    routes,
  )) {
    const contentType = load.contentType ?? 'application/octet-stream';
    const { spec } = await runtime.load(pattern, { route: pattern, ...load });
    const { id: fn, deadlineNs } = spec;
    bound.push({ pattern, methods, fn, deadlineNs, maxBodyBytes, contentType, adds });
  }
  const server = await listen(runtime, {
    sites: [{ listen: places, tls, mode: 'luge', routes: bound }],
    listeners,
    ...(limits === undefined ? {} : { limits }),
    ...(onAccess === undefined ? {} : { onAccess }),
    ...(onFailure === undefined ? {} : { onFailure }),
  }).catch(async (error: unknown) => {
    await runtime.close({ force: true });
    throw error;
  });
  const port = server.ports[0] as number;
  const clients: Client[] = [];
  return {
    runtime,
    server,
    port,
    open: async () => {
      const client = await openClient(port);
      clients.push(client);
      return client;
    },
    [Symbol.asyncDispose]: async () => {
      for (const { socket } of clients) socket.destroy();
      await server.close(1000);
      await runtime.close({ force: true, timeoutMs: 2000 });
    },
  };
}

/** Rejects when `promise` takes longer than any healthy run could. */
export async function within<T>(promise: Promise<T>, what: string, waitMs = WAIT_MS): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: nothing after ${waitMs} ms`)), waitMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Polls, in bounds, until `holds`. */
export async function eventually(
  what: string,
  holds: () => boolean,
  waitMs = WAIT_MS,
): Promise<void> {
  for (let leftMs = waitMs; !holds(); leftMs -= 5) {
    if (leftMs <= 0) throw new Error(`never came true: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Nothing is held any more: every slot and every chunk is back. */
export async function settled(runtime: Runtime): Promise<void> {
  await eventually('slots and chunks are all free', () => {
    const { slotsFree, slots, chunksFree, chunks, queued } = runtime.stats();
    return slotsFree === slots && chunksFree === chunks && queued === 0;
  });
}

/** Requests in the system, whichever stage they are in. */
export function inSystem(runtime: Runtime): number {
  const { slots, slotsFree } = runtime.stats();
  return slots - slotsFree;
}

export interface Reply {
  readonly status: number;
  /** `HTTP/1.1 200 OK` */
  readonly line: string;
  /** By name in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  /** Every line, in their order. */
  readonly fields: readonly (readonly [string, string])[];
  readonly body: Buffer;
  readonly text: string;
}

export function errorOf(reply: Reply): { code: string; message: string; status: number } {
  return (JSON.parse(reply.text) as { error: { code: string; message: string; status: number } })
    .error;
}

/** To a port of 127.0.0.1, or wherever else. */
export function openClient(where: number | NetConnectOpts): Promise<Client> {
  const place = typeof where === 'number' ? { host: '127.0.0.1', port: where } : where;
  return within(
    new Promise((resolve, reject) => {
      const socket = connect({ noDelay: true, allowHalfOpen: true, ...place });
      socket.once('error', reject);
      socket.once('connect', () => resolve(new Client(socket)));
    }),
    'connect',
  );
}

export class Client {
  readonly socket: Socket;
  /** The server has ended its side, or reset the connection. */
  readonly ended: Promise<void>;
  #input = Buffer.alloc(0);
  #isOver = false;
  #wake: (() => void) | undefined;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#input = Buffer.concat([this.#input, chunk]);
      this.#wake?.();
    });
    this.ended = new Promise((resolve) => {
      const over = (): void => {
        this.#isOver = true;
        this.#wake?.();
        resolve();
      };
      socket.once('end', over);
      socket.once('close', over);
    });
    socket.on('error', () => {});
  }

  /** Bytes that came and belong to no reply that was read. */
  get unread(): number {
    return this.#input.length;
  }

  send(...parts: (string | Uint8Array)[]): this {
    for (const part of parts) {
      if (typeof part === 'string') this.socket.write(part, 'latin1');
      else this.socket.write(part);
    }
    return this;
  }

  /** One write for each piece, each in a turn of its own, so that they arrive in several reads. */
  async dribble(bytes: Uint8Array, pieceBytes: number): Promise<void> {
    for (let at = 0; at < bytes.length; at += pieceBytes) {
      this.socket.write(bytes.subarray(at, at + pieceBytes));
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  /** `GET target` as a browser would, and its reply. */
  get(target: string): Promise<Reply> {
    return this.send(get(target)).reply();
  }

  /** The next reply; `noBody` where the request was a HEAD. */
  async reply({ noBody = false, waitMs = WAIT_MS } = {}): Promise<Reply> {
    const findEnd = (): number => this.#input.indexOf('\r\n\r\n');
    const head = await this.#until(findEnd, 'the head of a reply', waitMs);
    const [line = '', ...lines] = this.#input.toString('latin1', 0, head).split('\r\n');
    const fields = lines.map((text): [string, string] => {
      const colon = text.indexOf(':');
      return [text.slice(0, colon), text.slice(colon + 1).trim()];
    });
    const headers = new Map(fields.map(([name, value]) => [name.toLowerCase(), value]));
    const status = Number(line.split(' ')[1]);
    const isEmpty = noBody || status === 204 || status === 304 || status < 200;
    if (!isEmpty && headers.get('transfer-encoding') === 'chunked') {
      this.#input = this.#input.subarray(head + 4);
      const body = await this.#chunks();
      return { status, line, headers, fields, body, text: body.toString('utf8') };
    }
    const bytes = isEmpty ? 0 : Number(headers.get('content-length'));
    if (Number.isNaN(bytes)) throw new Error(`a reply without Content-Length: ${line}`);
    const from = head + 4;
    await this.#until(() => (this.#input.length >= from + bytes ? 0 : -1), 'the body of a reply');
    const body = Buffer.from(this.#input.subarray(from, from + bytes));
    this.#input = this.#input.subarray(from + bytes);
    return { status, line, headers, fields, body, text: body.toString('utf8') };
  }

  /** The next chunk of a reply's body; empty: its last one. */
  async chunk(): Promise<Buffer> {
    const end = await this.#until(() => this.#input.indexOf('\r\n'), 'the size of a chunk');
    const bytes = Number.parseInt(this.#input.toString('latin1', 0, end), 16);
    const from = end + 2;
    await this.#until(() => (this.#input.length >= from + bytes + 2 ? 0 : -1), 'a chunk');
    const chunk = Buffer.from(this.#input.subarray(from, from + bytes));
    if (this.#input.toString('latin1', from + bytes, from + bytes + 2) !== '\r\n') {
      throw new Error('a chunk without its end');
    }
    this.#input = this.#input.subarray(from + bytes + 2);
    return chunk;
  }

  async #chunks(): Promise<Buffer> {
    const chunks: Buffer[] = [];
    for (let chunk = await this.chunk(); chunk.length > 0; chunk = await this.chunk()) {
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  }

  /** The head of a reply alone; what follows is left to `chunk` and `rest`. */
  async head(): Promise<string> {
    const end = await this.#until(() => this.#input.indexOf('\r\n\r\n'), 'the head of a reply');
    const head = this.#input.toString('latin1', 0, end);
    this.#input = this.#input.subarray(end + 4);
    return head;
  }

  /** All that comes before the connection ends. */
  async rest(): Promise<Buffer> {
    await within(this.ended, 'the end of the connection');
    const rest = Buffer.from(this.#input);
    this.#input = this.#input.subarray(rest.length);
    return rest;
  }

  /** The end of the connection, with nothing more before it. */
  async end(): Promise<void> {
    await within(this.ended, 'the end of the connection');
    if (this.#input.length > 0) {
      throw new Error(`bytes behind the last reply: ${JSON.stringify(this.#input.toString())}`);
    }
  }

  async #until(find: () => number, what: string, waitMs = WAIT_MS): Promise<number> {
    for (;;) {
      const found = find();
      if (found >= 0) return found;
      if (this.#isOver) {
        const seen = JSON.stringify(this.#input.toString('latin1').slice(0, 200));
        throw new Error(`the connection ended before ${what}; there is ${seen}`);
      }
      const more = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      await within(more, what, waitMs);
    }
  }
}

export function get(target: string, fields = ''): string {
  return `GET ${target} HTTP/1.1\r\nHost: test\r\n${fields}\r\n`;
}

export function post(target: string, body: string, fields = ''): string {
  return `POST ${target} HTTP/1.1\r\nHost: test\r\nContent-Length: ${body.length}\r\n${fields}\r\n${body}`;
}

export function chunkedHead(target: string, fields = ''): string {
  return `POST ${target} HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n${fields}\r\n`;
}

/** `body` in chunks of `chunkBytes`. */
export function chunks(body: Uint8Array, chunkBytes: number): Buffer {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < body.length; at += chunkBytes) {
    const data = body.subarray(at, at + chunkBytes);
    parts.push(Buffer.from(`${data.length.toString(16)}\r\n`), data, Buffer.from('\r\n'));
  }
  return Buffer.concat([...parts, Buffer.from('0\r\n\r\n')]);
}
