/** node:http's reading of a whole stream of bytes: each request is answered, so that the next one counts. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Duplex } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import type { SeenRequest } from './stream-judge.ts';

export interface OracleStream {
  /** Complete ones. */
  readonly requests: readonly SeenRequest[];
  /** Code of llhttp, or status; empty when nothing was refused. */
  readonly why: string;
}

class Wire extends Duplex {
  written = '';
  override _read(): void {}
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.written += chunk.toString('latin1');
    done();
  }
}

interface Open {
  readonly request: IncomingMessage;
  readonly keepAlive: boolean;
  body: string;
}

/** Turns in which all events of a stream of this size have come. */
const TURNS_MIN = 4;
const TURNS_MAX = 20;

export class StreamOracle {
  readonly #server: Server;
  #open: Open[] = [];
  #error = '';

  constructor() {
    // With requireHostHeader node answers 400 and goes on with the next request: its rule is applied below.
    const options = { insecureHTTPParser: false, requireHostHeader: false, keepAliveTimeout: 0 };
    this.#server = createServer(options, (request, response) => this.#take(request, response));
    this.#server.on('checkExpectation', () => {
      this.#error ||= 'expectation';
    });
    this.#server.on('clientError', (error: Error & { code?: string }) => {
      this.#error ||= error.code ?? error.message;
    });
  }

  #take(request: IncomingMessage, response: ServerResponse): void {
    // Behind a refusal node may go on; nothing of that counts.
    if (this.#error !== '') return;
    if (request.httpVersion === '1.1' && request.headers.host === undefined) {
      this.#error = 'host';
      return;
    }
    const open: Open = { request, keepAlive: response.shouldKeepAlive, body: '' };
    this.#open.push(open);
    request.on('data', (chunk: Buffer) => {
      open.body += chunk.toString('latin1');
    });
    request.on('end', () => response.end());
    request.on('error', () => {});
    response.on('error', () => {});
  }

  async judge(bytes: Uint8Array, cut: number): Promise<OracleStream> {
    this.#open = [];
    this.#error = '';
    const wire = new Wire();
    wire.on('error', () => {});
    this.#server.emit('connection', wire);
    wire.push(bytes.subarray(0, cut));
    await turn();
    if (cut < bytes.length && !wire.destroyed) wire.push(bytes.subarray(cut));
    let seen = -1;
    for (let turns = 0; turns < TURNS_MAX; turns++) {
      await turn();
      const now = this.#open.filter(({ request }) => request.readableEnded).length;
      if (
        turns >= TURNS_MIN &&
        now === seen &&
        now === this.#open.filter(({ request }) => request.complete).length
      ) {
        break;
      }
      seen = now;
    }
    const status = /HTTP\/1\.1 (4\d\d|5\d\d)/.exec(wire.written)?.[1] ?? '';
    wire.destroy();
    return {
      requests: this.#open
        .filter(({ request }) => request.complete)
        .map(({ request, keepAlive, body }) => ({
          method: request.method ?? '',
          target: request.url ?? '',
          version: request.httpVersion,
          headers: request.rawHeaders,
          keepAlive,
          body,
        })),
      why: this.#error || status,
    };
  }

  close(): void {
    this.#server.close();
  }
}
