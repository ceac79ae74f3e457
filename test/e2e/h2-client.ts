/** Clients of HTTP/2 over a plain socket: node's, and one that sends frames as they are, which a well-behaved one would never send. */
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect as connectH2,
  constants,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from 'node:http2';
import { connect, type Socket } from 'node:net';
import { within } from './server.ts';

export interface H2Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly text: string;
  /** How the stream was closed. */
  readonly code: number;
}

export class H2Client implements AsyncDisposable {
  readonly session: ClientHttp2Session;
  readonly closed: Promise<void>;

  constructor(port: number) {
    this.session = connectH2(`http://127.0.0.1:${port}`);
    this.session.on('error', () => {});
    this.closed = new Promise((resolve) => this.session.once('close', () => resolve()));
  }

  open(headers: OutgoingHttpHeaders, endStream = false): ClientHttp2Stream {
    const stream = this.session.request(headers, { endStream });
    stream.on('error', () => {});
    return stream;
  }

  /** With no body the stream ends with its head. */
  request(headers: OutgoingHttpHeaders, body?: string | Uint8Array): Promise<H2Reply> {
    const stream = this.open(headers, body === undefined);
    if (body !== undefined) stream.end(body);
    return replyOf(stream);
  }

  get(path: string, fields: OutgoingHttpHeaders = {}): Promise<H2Reply> {
    return this.request({ ':path': path, ...fields });
  }

  post(
    path: string,
    body: string | Uint8Array,
    fields: OutgoingHttpHeaders = {},
  ): Promise<H2Reply> {
    return this.request({ ':method': 'POST', ':path': path, ...fields }, body);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.session.destroy();
    await this.closed;
  }
}

export function headOf(stream: ClientHttp2Stream): Promise<IncomingHttpHeaders> {
  return within(
    new Promise((resolve, reject) => {
      stream.once('response', resolve);
      stream.once('close', () => reject(new Error(`closed with ${stream.rstCode}, no head`)));
    }),
    'the head of an answer',
  );
}

/** All of it; status 0 where the stream is closed without one. */
export function replyOf(stream: ClientHttp2Stream): Promise<H2Reply> {
  return within(
    new Promise((resolve) => {
      let headers: IncomingHttpHeaders = {};
      const parts: Buffer[] = [];
      stream.on('response', (fields) => {
        headers = fields;
      });
      stream.on('data', (bytes: Buffer) => parts.push(bytes));
      stream.on('close', () => {
        const body = Buffer.concat(parts);
        const status = Number(headers[':status'] ?? 0);
        const code = stream.rstCode ?? constants.NGHTTP2_NO_ERROR;
        resolve({ status, headers, body, text: body.toString('utf8'), code });
      });
    }),
    'an answer',
  );
}

export const FRAME = {
  DATA: 0,
  HEADERS: 1,
  RST_STREAM: 3,
  SETTINGS: 4,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
  CONTINUATION: 9,
} as const;
export const END_STREAM = 1;
export const END_HEADERS = 4;
export const ACK = 1;

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

export function frame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

export function uint32(...values: number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [at, value] of values.entries()) bytes.writeUInt32BE(value, 4 * at);
  return bytes;
}

/** Fields as literals without indexing or Huffman coding: any bytes, in any order, as often as one likes. */
export function fieldBlock(fields: readonly (readonly [string, string])[]): Buffer {
  const parts: Buffer[] = [];
  for (const [name, value] of fields) {
    parts.push(Buffer.from([0]), prefixed(name), prefixed(value));
  }
  return Buffer.concat(parts);
}

/** A string literal: its length in a prefix of seven bits, and its bytes. */
function prefixed(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  if (bytes.length < 127) return Buffer.concat([Buffer.from([bytes.length]), bytes]);
  const length = [127];
  let rest = bytes.length - 127;
  for (; rest >= 128; rest >>= 7) length.push((rest & 127) | 128);
  length.push(rest);
  return Buffer.concat([Buffer.from(length), bytes]);
}

export const GET_FIB: readonly (readonly [string, string])[] = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':authority', 'test'],
  [':path', '/fib'],
];

export class RawH2 implements Disposable {
  readonly socket: Socket;
  readonly ended: Promise<void>;
  readonly frames: Frame[] = [];
  #input: Buffer = Buffer.alloc(0);
  #isOver = false;
  #wake: (() => void) | undefined;

  /** Sends the preface and its settings: pairs of identifier and value. */
  constructor(port: number, settings: readonly (readonly [number, number])[] = []) {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    this.socket = socket;
    socket.on('error', () => {});
    socket.on('data', (bytes: Buffer) => this.#onData(bytes));
    this.ended = new Promise((resolve) =>
      socket.once('close', () => {
        this.#isOver = true;
        this.#wake?.();
        resolve();
      }),
    );
    const payload = Buffer.concat(
      settings.map(([id, value]) => Buffer.concat([uint32(id).subarray(2), uint32(value)])),
    );
    socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');
    this.send(FRAME.SETTINGS, 0, 0, payload);
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  send(type: number, flags: number, stream: number, payload: Uint8Array = Buffer.alloc(0)): this {
    this.socket.write(frame(type, flags, stream, payload));
    return this;
  }

  /** A request that ends with its head. */
  head(stream: number, fields: readonly (readonly [string, string])[], flags = END_STREAM): this {
    return this.send(FRAME.HEADERS, flags | END_HEADERS, stream, fieldBlock(fields));
  }

  /** The first frame, of those that have come and those that will, that `isIt`. Undefined: the connection is over without it. */
  async frame(isIt: (frame: Frame) => boolean): Promise<Frame | undefined> {
    for (let at = 0; ; ) {
      for (; at < this.frames.length; at++) {
        const found = this.frames[at] as Frame;
        if (isIt(found)) return found;
      }
      if (this.#isOver) return undefined;
      const more = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      await within(more, 'a frame');
    }
  }

  /** The code of the reset that ends the stream; undefined: none, and the connection is over, or END_STREAM came. */
  async resetOf(stream: number): Promise<number | undefined> {
    const end = await this.frame(
      (f) =>
        f.stream === stream &&
        (f.type === FRAME.RST_STREAM || (f.type <= FRAME.HEADERS && (f.flags & END_STREAM) !== 0)),
    );
    return end?.type === FRAME.RST_STREAM ? end.payload.readUInt32BE(0) : undefined;
  }

  #onData(bytes: Buffer): void {
    let input = Buffer.concat([this.#input, bytes]);
    while (input.length >= 9 && input.length >= 9 + input.readUIntBE(0, 3)) {
      const length = input.readUIntBE(0, 3);
      this.frames.push({
        type: input[3] as number,
        flags: input[4] as number,
        stream: input.readUInt32BE(5),
        payload: Buffer.from(input.subarray(9, 9 + length)),
      });
      input = input.subarray(9 + length);
    }
    this.#input = input;
    this.#wake?.();
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }
}
