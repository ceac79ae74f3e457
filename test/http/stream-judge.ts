/** Our reading of a whole stream of bytes: requests back to back, as a connection takes them, however the bytes are cut. */
import { type BodySink, ChunkedDecoder } from '../../src/http/chunked.ts';
import { BAD, NEED_MORE, RequestParser } from '../../src/http/parser.ts';

export interface SeenRequest {
  readonly method: string;
  readonly target: string;
  readonly version: string;
  readonly headers: readonly string[];
  readonly keepAlive: boolean;
  readonly body: string;
}

/** How it ended: the last request asked for that, the bytes ran out (inside of a request or not), or a byte was refused. */
export interface SeenStream {
  readonly requests: readonly SeenRequest[];
  readonly end: 'closed' | 'open' | 'refused';
  /** Code of the refusal. */
  readonly why: string;
  /** Where the request begins that was refused. */
  readonly at: number;
}

/** Takes bytes in pieces, with the same calls as `Connection`. */
export class StreamJudge implements BodySink {
  readonly #parser: RequestParser = new RequestParser();
  readonly #requests: SeenRequest[] = [];
  #input: Uint8Array = new Uint8Array(0);
  #decoder: ChunkedDecoder | undefined;
  #head = '';
  #body = '';
  #bodyLeft = 0;
  #isInBody = false;
  #end: SeenStream['end'] = 'open';
  #why = '';
  #taken = 0;
  #requestAt = 0;

  push(bytes: Uint8Array): void {
    if (this.#end !== 'open') return;
    const joined = new Uint8Array(this.#input.length + bytes.length);
    joined.set(this.#input);
    joined.set(bytes, this.#input.length);
    this.#input = joined;
    while (this.#end === 'open' && this.#input.length > 0) {
      const taken = this.#isInBody ? this.#readBody() : this.#readHead();
      if (taken === 0) return;
      this.#input = this.#input.subarray(taken);
      this.#taken += taken;
    }
  }

  get stream(): SeenStream {
    return { requests: this.#requests, end: this.#end, why: this.#why, at: this.#requestAt };
  }

  write(buffer: Uint8Array, from: number, to: number): boolean {
    this.#body += Buffer.from(buffer.subarray(from, to)).toString('latin1');
    return true;
  }

  #readHead(): number {
    const parser = this.#parser;
    this.#requestAt = this.#taken;
    const end = parser.parseHead(this.#input, 0, this.#input.length);
    if (end === NEED_MORE) return 0;
    if (end === BAD) return this.#refuse(parser.error?.code ?? '');
    this.#head = Buffer.from(this.#input.subarray(0, end)).toString('latin1');
    this.#body = '';
    this.#bodyLeft = Math.max(0, parser.contentLength);
    this.#decoder = parser.chunked ? new ChunkedDecoder() : undefined;
    this.#isInBody = parser.chunked || this.#bodyLeft > 0;
    if (!this.#isInBody) this.#accept();
    return end;
  }

  #readBody(): number {
    const decoder = this.#decoder;
    if (decoder === undefined) {
      const count = Math.min(this.#bodyLeft, this.#input.length);
      this.write(this.#input, 0, count);
      this.#bodyLeft -= count;
      if (this.#bodyLeft === 0) this.#accept();
      return count;
    }
    const end = decoder.decode(this.#input, 0, this.#input.length, this);
    if (end === BAD) return this.#refuse(decoder.error?.code ?? '');
    if (decoder.done) this.#accept();
    return end;
  }

  #refuse(code: string): number {
    this.#end = 'refused';
    this.#why = code;
    return this.#input.length;
  }

  #accept(): void {
    const parser = this.#parser;
    const head = this.#head;
    this.#requests.push({
      method: head.slice(parser.methodStart, parser.methodEnd),
      target: head.slice(parser.targetStart, parser.targetEnd),
      version: `1.${parser.minorVersion}`,
      headers: fieldsOf(head.slice(parser.headersStart, parser.headersEnd)),
      keepAlive: parser.keepAlive,
      body: this.#body,
    });
    if (!parser.keepAlive) this.#end = 'closed';
    this.#isInBody = false;
    parser.reset();
  }
}

/** `cuts` in ascending order, inside of the bytes. */
export function judgeStream(bytes: Uint8Array, cuts: readonly number[] = []): SeenStream {
  const judge = new StreamJudge();
  let from = 0;
  for (const to of [...cuts, bytes.length]) {
    judge.push(bytes.subarray(from, to));
    from = to;
  }
  return judge.stream;
}

/** Name, value, name, value …, without the white space round a value. */
export function fieldsOf(block: string): string[] {
  return block
    .split('\r\n')
    .slice(0, -1)
    .flatMap((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon), line.slice(colon + 1).replaceAll(/^[ \t]+|[ \t]+$/g, '')];
    });
}
