import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Duplex } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { type BodySink, ChunkedDecoder } from '../../src/http/chunked.ts';
import { BAD, NEED_MORE, RequestParser } from '../../src/http/parser.ts';

/** What a server made of the first request in a run of bytes. */
export type Verdict =
  | { kind: 'incomplete' }
  | { kind: 'refused'; why: string }
  | {
      kind: 'accepted';
      method: string;
      target: string;
      version: string;
      headers: string[];
      keepAlive: boolean;
      body: string;
    };

/** A socket without a network: what is fed is read by the server, what the server writes is kept. */
class Wire extends Duplex {
  written = '';
  override _read(): void {}
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.written += chunk.toString('latin1');
    done();
  }
}

/** node:http (llhttp, strict) as a judge. */
export class NodeOracle {
  readonly #server: Server;
  #request: IncomingMessage | null = null;
  #keepAlive = false;
  #body = '';
  #error = '';

  constructor() {
    const options = { insecureHTTPParser: false, requireHostHeader: true, keepAliveTimeout: 0 };
    this.#server = createServer(options, (request, response) => this.#take(request, response));
    this.#server.on('checkExpectation', () => {
      this.#error = 'expectation';
    });
    this.#server.on('clientError', (error: Error & { code?: string }) => {
      // Behind a complete request, it is about what follows and none of our business.
      if (this.#request?.complete !== true) this.#error = error.code ?? error.message;
    });
  }

  #take(request: IncomingMessage, response: ServerResponse): void {
    if (this.#request !== null) return;
    this.#request = request;
    this.#keepAlive = response.shouldKeepAlive;
    request.on('data', (chunk: Buffer) => {
      this.#body += chunk.toString('latin1');
    });
    request.on('error', () => {});
  }

  async judge(bytes: Uint8Array): Promise<Verdict> {
    this.#request = null;
    this.#body = '';
    this.#error = '';
    const wire = new Wire();
    wire.on('error', () => {});
    this.#server.emit('connection', wire);
    wire.push(bytes);
    // One turn for the bytes to arrive, one for the events of the body.
    await turn();
    await turn();
    const verdict = this.#verdict(wire);
    wire.destroy();
    return verdict;
  }

  #verdict(wire: Wire): Verdict {
    const request = this.#request;
    if (this.#error !== '') return { kind: 'refused', why: this.#error };
    if (request === null) {
      return wire.written === ''
        ? { kind: 'incomplete' }
        : { kind: 'refused', why: wire.written.slice(9, 12) };
    }
    if (!request.complete) return { kind: 'incomplete' };
    return {
      kind: 'accepted',
      method: request.method ?? '',
      target: request.url ?? '',
      version: request.httpVersion,
      headers: request.rawHeaders,
      keepAlive: this.#keepAlive,
      body: this.#body,
    };
  }

  close(): void {
    this.#server.close();
  }
}

/** Parser and decoder together, as the listener will use them. */
export function judge(bytes: Uint8Array): Verdict {
  const parser = new RequestParser();
  const head = parser.parseHead(bytes, 0, bytes.length);
  if (head === NEED_MORE) return { kind: 'incomplete' };
  if (head === BAD) return { kind: 'refused', why: parser.error!.code };
  const text = Buffer.from(bytes).toString('latin1');
  let body = '';
  if (parser.chunked) {
    const decoder = new ChunkedDecoder();
    const sink: BodySink = {
      write(buffer, from, to) {
        body += Buffer.from(buffer.subarray(from, to)).toString('latin1');
        return true;
      },
    };
    if (decoder.decode(bytes, head, bytes.length, sink) === BAD) {
      return { kind: 'refused', why: decoder.error!.code };
    }
    if (!decoder.done) return { kind: 'incomplete' };
  } else if (parser.contentLength > 0) {
    body = text.slice(head, head + parser.contentLength);
    if (body.length < parser.contentLength) return { kind: 'incomplete' };
  }
  return {
    kind: 'accepted',
    method: text.slice(parser.methodStart, parser.methodEnd),
    target: text.slice(parser.targetStart, parser.targetEnd),
    version: `1.${parser.minorVersion}`,
    headers: splitLines(text.slice(parser.headersStart, parser.headersEnd)),
    keepAlive: parser.keepAlive,
    body,
  };
}

function splitLines(block: string): string[] {
  return block
    .split('\r\n')
    .slice(0, -1)
    .flatMap((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon), line.slice(colon + 1).replaceAll(/^[ \t]+|[ \t]+$/g, '')];
    });
}
