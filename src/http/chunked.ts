/**
 * Incremental, strict decoder of the chunked transfer coding (RFC 9112 section 7.1).
 *
 * Contract
 *   - `decode` as bytes come in; it hands runs of body bytes to the sink, in place, and returns the offset behind what it
 *     consumed. Consumed bytes are never needed again, so the caller may drop them. It stops in front of `end` only at the
 *     end of the body (`done`) or when the sink refuses a run (`done` is false; offer the rest again later).
 *   - Nothing is allocated. The outcome does not depend on how the bytes are cut.
 *   - After an error it stays in error until `reset`, and the connection is to be closed.
 *
 * Everything that is thrown away is limited too: a client could otherwise keep a connection busy for ever with extensions or
 * trailers, or multiply its traffic a thousandfold with chunks of one byte and long extensions (CVE-2023-39326 in Go's
 * net/http, CVE-2024-22019 in Node). Trailers are checked for their syntax and dropped, as RFC 9110 section 6.5.1 allows.
 *
 * Stricter than the letter of RFC 9112: no white space round a chunk size or in an extension (7.1.1 calls it "bad", and parsers
 * have disagreed about it), no lone LF, at most 16 digits to a size.
 */
import {
  BACKSLASH,
  BYTE_CLASS,
  COLON,
  CR,
  DQUOTE,
  EQUALS,
  FIELD,
  HEX,
  hexValue,
  LF,
  SEMICOLON,
  TOKEN,
} from './byte-class.ts';
import { HTTP_ERRORS, type HttpErrorKind } from './http-error.ts';
import { BAD } from './parser.ts';

/** Limits of one body, in bytes. */
export interface ChunkedLimits {
  /** Decoded bytes. Default 1 MiB. */
  maxBodyBytes: number;
  /** Extensions of one chunk, from the first `;` to its CRLF. Default 256. */
  maxExtensionBytes: number;
  /** Extensions of all chunks together. Default 4096. */
  maxExtensionTotalBytes: number;
  /** Trailer lines with their CRLF. Default 4096. */
  maxTrailerBytes: number;
}

export const DEFAULT_CHUNKED_LIMITS: Readonly<ChunkedLimits> = Object.freeze({
  maxBodyBytes: 1024 * 1024,
  maxExtensionBytes: 256,
  maxExtensionTotalBytes: 4096,
  maxTrailerBytes: 4096,
});

/** Where body bytes go. */
export interface BodySink {
  /**
   * Take `buffer[from..to)`, which is never empty, before returning: the buffer is reused. False if there is no room for all
   * of it; then none of it counts as taken, and the same bytes are offered again by a later `decode`.
   */
  write(buffer: Uint8Array, from: number, to: number): boolean;
}

/** 2^64 has 16; leading zeros are no reason to read more. */
const SIZE_DIGITS_MAX = 16;

// What the next byte belongs to.
const AT_SIZE = 0;
const IN_SIZE = 1;
const AT_SIZE_END = 2;
const AT_EXTENSION_NAME = 3;
const IN_EXTENSION_NAME = 4;
const AT_EXTENSION_VALUE = 5;
const IN_EXTENSION_TOKEN = 6;
const IN_EXTENSION_STRING = 7;
const AT_ESCAPED = 8;
const AT_STRING_END = 9;
const IN_DATA = 10;
const AT_DATA_CR = 11;
const AT_DATA_LF = 12;
const AT_TRAILER = 13;
const IN_TRAILER_NAME = 14;
const IN_TRAILER_VALUE = 15;
const AT_TRAILER_END = 16;
const AT_BODY_END = 17;
const DONE = 18;
const FAILED = 19;

export class ChunkedDecoder {
  readonly #maxBodyBytes: number;
  readonly #maxExtensionBytes: number;
  readonly #maxExtensionTotalBytes: number;
  readonly #maxTrailerBytes: number;

  #state: number = AT_SIZE;
  #error: HttpErrorKind | null = null;
  /** Digits of the size so far. */
  #digits: number = 0;
  /** Size of the chunk; in its data, what is left of it. */
  #size: number = 0;
  /** Sizes of all chunks whose size line is read. */
  #bodyBytes: number = 0;
  #extensionBytes: number = 0;
  #extensionTotalBytes: number = 0;
  #trailerBytes: number = 0;
  /** Encoded bytes consumed by earlier calls. */
  #consumed: number = 0;
  #errorOffset: number = 0;

  constructor(limits: Readonly<ChunkedLimits> = DEFAULT_CHUNKED_LIMITS) {
    this.#maxBodyBytes = limits.maxBodyBytes;
    this.#maxExtensionBytes = limits.maxExtensionBytes;
    this.#maxExtensionTotalBytes = limits.maxExtensionTotalBytes;
    this.#maxTrailerBytes = limits.maxTrailerBytes;
  }

  /** Whether the body is complete; what follows is the next request. */
  get done(): boolean {
    return this.#state === DONE;
  }
  get error(): HttpErrorKind | null {
    return this.#error;
  }
  /** The byte that was refused, counted from the first byte of the encoded body. */
  get errorOffset(): number {
    return this.#errorOffset;
  }
  /** Decoded bytes that the chunk sizes so far have announced. */
  get bodyBytes(): number {
    return this.#bodyBytes;
  }

  /** The error with its place. Makes a string. */
  errorMessage(): string {
    if (this.#error === null) return '';
    return `${this.#error.message} (byte ${this.#errorOffset} of the chunked body)`;
  }

  /** Ready for another body; limits stay. */
  reset(): void {
    this.#state = AT_SIZE;
    this.#error = null;
    this.#digits = 0;
    this.#size = 0;
    this.#bodyBytes = 0;
    this.#extensionBytes = 0;
    this.#extensionTotalBytes = 0;
    this.#trailerBytes = 0;
    this.#consumed = 0;
    this.#errorOffset = 0;
  }

  /** Consume `buffer[start..end)`. The offset behind what was consumed, or `BAD`. */
  decode(buffer: Uint8Array, start: number, end: number, sink: BodySink): number {
    if (this.#state === FAILED) return BAD;
    let at = start;
    while (at < end && this.#state !== DONE) {
      if (this.#state === IN_DATA) {
        const to = end - at > this.#size ? at + this.#size : end;
        if (!sink.write(buffer, at, to)) break;
        this.#size -= to - at;
        at = to;
        if (this.#size === 0) this.#state = AT_DATA_CR;
      } else if (this.#step(buffer[at]!)) {
        at++;
      } else {
        this.#state = FAILED;
        this.#errorOffset = this.#consumed + at - start;
        return BAD;
      }
    }
    this.#consumed += at - start;
    return at;
  }

  /** One byte outside of chunk data. False if it was refused. */
  #step(byte: number): boolean {
    switch (this.#state) {
      case AT_SIZE:
      case IN_SIZE:
        return this.#sizeByte(byte);
      case AT_SIZE_END:
        return this.#lineFeed(byte, this.#size === 0 ? AT_TRAILER : IN_DATA);
      case AT_DATA_CR:
        if (byte !== CR) return this.#refuse(HTTP_ERRORS.INVALID_CHUNK_END);
        this.#state = AT_DATA_LF;
        return true;
      case AT_DATA_LF:
        if (byte !== LF) return this.#refuse(HTTP_ERRORS.INVALID_CHUNK_END);
        this.#digits = 0;
        this.#size = 0;
        this.#extensionBytes = 0;
        this.#state = AT_SIZE;
        return true;
      case AT_TRAILER:
      case IN_TRAILER_NAME:
      case IN_TRAILER_VALUE:
      case AT_TRAILER_END:
        return this.#trailerByte(byte);
      case AT_BODY_END:
        return this.#lineFeed(byte, DONE);
      default:
        return this.#extensionByte(byte);
    }
  }

  #refuse(error: HttpErrorKind): boolean {
    this.#error = error;
    return false;
  }

  #lineFeed(byte: number, next: number): boolean {
    if (byte !== LF) return this.#refuse(HTTP_ERRORS.BARE_CR);
    this.#state = next;
    return true;
  }

  #sizeByte(byte: number): boolean {
    if ((BYTE_CLASS[byte]! & HEX) !== 0) {
      if (this.#digits === SIZE_DIGITS_MAX) return this.#refuse(HTTP_ERRORS.INVALID_CHUNK_SIZE);
      this.#digits++;
      const value = hexValue(byte);
      this.#size = this.#size * 16 + value;
      this.#state = IN_SIZE;
      // Before the rest of the number is read, so that it cannot overflow.
      if (this.#size > this.#maxBodyBytes - this.#bodyBytes) {
        return this.#refuse(HTTP_ERRORS.BODY_TOO_LARGE);
      }
      return true;
    }
    if (this.#state === AT_SIZE || (byte !== CR && byte !== SEMICOLON)) {
      return this.#refuse(byte === LF ? HTTP_ERRORS.BARE_LF : HTTP_ERRORS.INVALID_CHUNK_SIZE);
    }
    this.#bodyBytes += this.#size;
    if (byte === CR) {
      this.#state = AT_SIZE_END;
      return true;
    }
    return this.#extensionByte(byte);
  }

  /** From the `;` behind a size up to, and without, the CR. */
  #extensionByte(byte: number): boolean {
    const state = this.#state;
    const closed =
      state === IN_EXTENSION_NAME || state === IN_EXTENSION_TOKEN || state === AT_STRING_END;
    if (closed && byte === CR) {
      this.#state = AT_SIZE_END;
      return true;
    }
    if (
      ++this.#extensionBytes > this.#maxExtensionBytes ||
      ++this.#extensionTotalBytes > this.#maxExtensionTotalBytes
    ) {
      return this.#refuse(HTTP_ERRORS.CHUNK_EXTENSION_TOO_LARGE);
    }
    const next = nextInExtension(state, byte);
    if (next === FAILED) {
      return this.#refuse(byte === LF ? HTTP_ERRORS.BARE_LF : HTTP_ERRORS.INVALID_CHUNK_EXTENSION);
    }
    this.#state = next;
    return true;
  }

  #trailerByte(byte: number): boolean {
    if (this.#state === AT_TRAILER && byte === CR) {
      this.#state = AT_BODY_END;
      return true;
    }
    if (++this.#trailerBytes > this.#maxTrailerBytes) {
      return this.#refuse(HTTP_ERRORS.TRAILERS_TOO_LARGE);
    }
    if (this.#state === AT_TRAILER_END) return this.#lineFeed(byte, AT_TRAILER);
    const next = nextInTrailer(this.#state, byte);
    if (next === FAILED) {
      return this.#refuse(byte === LF ? HTTP_ERRORS.BARE_LF : HTTP_ERRORS.INVALID_TRAILER);
    }
    this.#state = next;
    return true;
  }
}

/** `;name`, `;name=token`, `;name="string"`, any number of them. The state behind `byte`, or `FAILED`. */
function nextInExtension(state: number, byte: number): number {
  const token = (BYTE_CLASS[byte]! & TOKEN) !== 0;
  switch (state) {
    case IN_SIZE:
    case AT_STRING_END:
      return byte === SEMICOLON ? AT_EXTENSION_NAME : FAILED;
    case AT_EXTENSION_NAME:
      return token ? IN_EXTENSION_NAME : FAILED;
    case IN_EXTENSION_NAME:
      if (byte === EQUALS) return AT_EXTENSION_VALUE;
      if (byte === SEMICOLON) return AT_EXTENSION_NAME;
      return token ? IN_EXTENSION_NAME : FAILED;
    case AT_EXTENSION_VALUE:
      if (byte === DQUOTE) return IN_EXTENSION_STRING;
      return token ? IN_EXTENSION_TOKEN : FAILED;
    case IN_EXTENSION_TOKEN:
      if (byte === SEMICOLON) return AT_EXTENSION_NAME;
      return token ? IN_EXTENSION_TOKEN : FAILED;
    case IN_EXTENSION_STRING:
      if (byte === DQUOTE) return AT_STRING_END;
      if (byte === BACKSLASH) return AT_ESCAPED;
      return (BYTE_CLASS[byte]! & FIELD) !== 0 ? IN_EXTENSION_STRING : FAILED;
    default: // AT_ESCAPED
      return (BYTE_CLASS[byte]! & FIELD) !== 0 ? IN_EXTENSION_STRING : FAILED;
  }
}

/** `Name: value` of a trailer line. The state behind `byte`, or `FAILED`. */
function nextInTrailer(state: number, byte: number): number {
  const token = (BYTE_CLASS[byte]! & TOKEN) !== 0;
  if (state === AT_TRAILER) return token ? IN_TRAILER_NAME : FAILED;
  if (state === IN_TRAILER_NAME) {
    if (byte === COLON) return IN_TRAILER_VALUE;
    return token ? IN_TRAILER_NAME : FAILED;
  }
  if (byte === CR) return AT_TRAILER_END;
  return (BYTE_CLASS[byte]! & FIELD) !== 0 ? IN_TRAILER_VALUE : FAILED;
}
