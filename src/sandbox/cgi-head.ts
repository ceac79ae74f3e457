/**
 * The head of a CGI response (RFC 3875 section 6): the first lines that a guest prints, up to an empty one, are header fields;
 * `Status: 404 Not Found` sets the status. Lines end in LF or CRLF.
 */
import { OUTCOME } from './outcome.ts';
import { addHeader, appendBody, setStatus } from './response.ts';
import type { Sandbox } from './sandbox.ts';

const HEAD_BYTES_MAX = 16384;

export class CgiHead {
  #text = '';
  #done = false;

  get isDone(): boolean {
    return this.#done;
  }

  /** Takes what the guest printed; what stands behind the head goes to the body. False when the head cannot be one. */
  write(sandbox: Sandbox, source: Uint8Array, from: number, count: number): boolean {
    if (this.#done) {
      appendBody(sandbox, source, from, count);
      return true;
    }
    const known = this.#text.length;
    this.#text += Buffer.from(source.slice(from, from + count)).toString('latin1');
    const end = /\r?\n\r?\n|^\r?\n/.exec(this.#text);
    if (end === null)
      return this.#text.length <= HEAD_BYTES_MAX || this.#fail(sandbox, 'is too long');
    this.#done = true;
    const behind = end.index + end[0].length;
    for (const line of this.#text.slice(0, end.index).split(/\r?\n/)) {
      if (line !== '' && !this.#field(sandbox, line))
        return this.#fail(sandbox, `has a bad line: ${line.slice(0, 80)}`);
    }
    const skip = behind - known;
    appendBody(sandbox, source, from + skip, count - skip);
    return true;
  }

  /** Call when the guest has ended: a head that never came to its end is a bad response. */
  finish(sandbox: Sandbox): boolean {
    return this.#done || this.#fail(sandbox, 'has no empty line behind it');
  }

  #field(sandbox: Sandbox, line: string): boolean {
    const colon = line.indexOf(':');
    if (colon <= 0) return false;
    const name = line.slice(0, colon);
    const value = line.slice(colon + 1).trim();
    if (name.toLowerCase() === 'status') return setStatus(sandbox, Number.parseInt(value, 10) || 0);
    return addHeader(sandbox, name, value);
  }

  #fail(sandbox: Sandbox, why: string): boolean {
    sandbox.doom(OUTCOME.BAD_RESPONSE, `the CGI head ${why}`);
    return false;
  }
}
