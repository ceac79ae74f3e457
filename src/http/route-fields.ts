/**
 * The fields that a route adds: to requests on their way to its function (request id, trace), and to answers (its own headers, CORS, request id,
 * Server-Timing). A route that adds none has no such object, and its requests pay one comparison.
 *
 *   head --begin--> AnswerFields: what the function is to get instead of the request's lines, and what goes beside its answer, or into an error
 *
 * What a function says itself stands: a field that it has set is not added. `Vary` and `Server-Timing` are lists and are added to. An error does not get what
 * describes or lets caches keep the content that is not there: `Content-*`, validators, `Cache-Control` unless it forbids storing.
 */
import { randomUUID } from 'node:crypto';
import { type Exchange, isReservedField } from '../sandbox/index.ts';
import { Cors, type CorsSettings } from './cors.ts';
import { hasField, linesOf, soleValue, withoutFields } from './header-lines.ts';
import { RouteError } from './pattern.ts';
import { withTrace } from './trace-context.ts';

export interface RequestIdSettings {
  /** Name of the field; default X-Request-Id. */
  readonly header?: string;
  /** Take the client's, where it is well-formed; default false: each request gets a new one. */
  readonly trust?: boolean;
}

/** What a route adds; nothing of it unless it is there. */
export interface RouteFieldSettings {
  /** Of each answer that does not have them. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly cors?: CorsSettings;
  /** Answers tell how long they took, and where. */
  readonly serverTiming?: boolean;
  readonly requestId?: RequestIdSettings;
  /** Requests go on with a traceparent that is well-formed; see trace-context.ts. */
  readonly traceContext?: boolean;
}

export const REQUEST_ID_HEADER = 'X-Request-Id';
/** What others generate: UUIDs, ULIDs, hexadecimal and base64 text, and paths of hops. */
const REQUEST_ID = /^[0-9A-Za-z._~+/=@:-]{1,128}$/;
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,128}$/;
const VALUE = /^[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]{0,4094}[\x21-\x7e\x80-\xff])?$/;
const OF_CONTENT =
  /^(?:content-(?!security-policy)|etag$|last-modified$|expires$|age$|accept-ranges$)/;
/** What is said there is added to what the function says. */
const LISTS: ReadonlySet<string> = new Set(['vary', 'server-timing']);
/** A function that speaks of origins itself is not contradicted, nor are parts of two answers mixed. */
const OWN_CORS = /^access-control-/im;
const NS_PER_MS = 1e6;

/** What is wrong with a header that a route would add, or undefined. */
export function routeHeaderProblem(name: string, value: string): string | undefined {
  if (!TOKEN.test(name)) return 'is no name of a field';
  if (isReservedField(name)) return 'is the front end’s own';
  if (name.toLowerCase() === 'content-type') return 'is said by contentType';
  if (!VALUE.test(value)) return 'must be visible text on one line, of at most 4096 characters';
  return undefined;
}

interface RouteLine {
  readonly name: string;
  readonly line: string;
}

export class RouteFields {
  readonly cors: Cors | undefined;
  readonly isTimed: boolean;
  readonly lines: readonly RouteLine[];
  readonly text: string;
  readonly errorText: string;
  readonly idHeader: string;
  readonly #trustsId: boolean;
  readonly #isTraced: boolean;
  /** Where nothing depends on the request. */
  readonly #same: AnswerFields | undefined;

  private constructor(settings: RouteFieldSettings) {
    const { headers = {}, cors, serverTiming, requestId, traceContext } = settings;
    this.lines = linesOfHeaders(headers);
    this.text = this.lines.map(({ line }) => line).join('');
    this.errorText = this.lines
      .filter(isForErrors)
      .map(({ line }) => line)
      .join('');
    this.cors = cors === undefined ? undefined : new Cors(cors);
    this.isTimed = serverTiming === true;
    this.idHeader = requestId === undefined ? '' : (requestId.header ?? REQUEST_ID_HEADER);
    if (this.idHeader !== '' && !(TOKEN.test(this.idHeader) && !isReservedField(this.idHeader))) {
      throw new RouteError('ERR_ROUTE_HEADER', `requestId.header ${this.idHeader} cannot be one`);
    }
    this.#trustsId = requestId?.trust === true;
    this.#isTraced = traceContext === true;
    const reads = this.cors !== undefined || this.idHeader !== '' || this.#isTraced;
    this.#same = reads ? undefined : new AnswerFields(this, '', '', undefined);
  }

  /** Undefined where there is nothing to add. Throws a RouteError for what cannot be. */
  static of(settings: RouteFieldSettings | undefined): RouteFields | undefined {
    if (settings === undefined) return undefined;
    const { headers = {}, cors, serverTiming, requestId, traceContext } = settings;
    const isEmpty = Object.keys(headers).length === 0 && cors === undefined;
    if (isEmpty && !serverTiming && requestId === undefined && !traceContext) return undefined;
    return new RouteFields(settings);
  }

  /** Of one request; the field lines are bytes[from … to), which are not kept. */
  begin(bytes: Uint8Array, from: number, to: number): AnswerFields {
    if (this.#same !== undefined) return this.#same;
    const sent = linesOf(bytes, from, to);
    let lines = sent;
    let id = '';
    if (this.idHeader !== '') {
      const name = this.idHeader.toLowerCase();
      const given = this.#trustsId ? soleValue(lines, name) : undefined;
      if (given !== undefined && REQUEST_ID.test(given)) id = given;
      else {
        id = randomUUID();
        lines = `${withoutFields(lines, name)}${this.idHeader}: ${id}\r\n`;
      }
    }
    if (this.#isTraced) lines = withTrace(lines);
    const cors = this.cors?.lines(soleValue(sent, 'origin')) ?? '';
    const toGuest = lines === sent ? undefined : Buffer.from(lines, 'latin1');
    return new AnswerFields(this, cors, id, toGuest);
  }
}

/** What is added for one request. */
export class AnswerFields {
  readonly #route: RouteFields;
  readonly #cors: string;
  /** Empty where the route has none. */
  readonly id: string;
  /** What the function gets in the place of the request's field lines; undefined: those. */
  readonly requestLines: Uint8Array | undefined;

  constructor(route: RouteFields, cors: string, id: string, requestLines: Uint8Array | undefined) {
    this.#route = route;
    this.#cors = cors;
    this.id = id;
    this.requestLines = requestLines;
  }

  /** Lines beside the function's own. `isComplete`: it has ended, and its times are known. */
  beside(exchange: Exchange, isComplete: boolean): string {
    const { lines, text, cors, idHeader } = this.#route;
    const { length } = exchange.headers;
    const own = length === 0 ? '' : exchange.headers.latin1(0, length);
    const isOwn = (name: string): boolean => own !== '' && hasField(own, name);
    let added = own === '' ? text : '';
    if (own !== '') {
      for (const { name, line } of lines) if (LISTS.has(name) || !isOwn(name)) added += line;
    }
    if (cors !== undefined) added += OWN_CORS.test(own) ? cors.vary : this.#cors + cors.vary;
    if (this.id !== '' && !isOwn(idHeader.toLowerCase())) added += this.#idLine();
    return added + this.#timing(exchange, isComplete);
  }

  /** Lines of an error; `exchange` where it is the function's. */
  ofError(exchange: Exchange | undefined): string {
    const { errorText, cors } = this.#route;
    const id = this.id === '' ? '' : this.#idLine();
    const timing = exchange === undefined ? '' : this.#timing(exchange, true);
    return errorText + this.#cors + (cors?.vary ?? '') + id + timing;
  }

  #idLine(): string {
    return `${this.#route.idHeader}: ${this.id}\r\n`;
  }

  #timing(exchange: Exchange, isComplete: boolean): string {
    if (!this.#route.isTimed) return '';
    const { arrivalNs, startNs, endNs } = exchange;
    // Answered before a worker took it.
    if (startNs === 0) return '';
    const parts: (readonly [string, number])[] = [['queue', startNs - arrivalNs]];
    if (isComplete) {
      const { runnableNs, runNs, preemptedNs, asleepNs } = exchange;
      parts.push(['ready', runnableNs], ['run', runNs], ['preempted', preemptedNs]);
      parts.push(['asleep', asleepNs], ['total', endNs - arrivalNs]);
    }
    const metrics = parts.map(([name, ns]) => `${name};dur=${(ns / NS_PER_MS).toFixed(3)}`);
    return `Server-Timing: ${metrics.join(', ')}\r\n`;
  }
}

function linesOfHeaders(headers: Readonly<Record<string, string>>): RouteLine[] {
  const lines: RouteLine[] = [];
  for (const [header, value] of Object.entries(headers)) {
    const name = header.toLowerCase();
    const isTwice = lines.some((line) => line.name === name);
    const problem = isTwice ? 'is there twice' : routeHeaderProblem(header, value);
    if (problem !== undefined) {
      throw new RouteError('ERR_ROUTE_HEADER', `header ${JSON.stringify(header)} ${problem}`);
    }
    lines.push({ name, line: `${header}: ${value}\r\n` });
  }
  return lines;
}

function isForErrors({ name, line }: RouteLine): boolean {
  if (OF_CONTENT.test(name)) return false;
  return !/cache-control$|^surrogate-control$/.test(name) || /no-store/i.test(line);
}
