/**
 * Heads of responses, as latin1 text: Node writes a short string to a socket without a Buffer and in one system call. The parts that
 * repeat are kept: a status line per status, the Date line for a second.
 */
import { STATUS_CODES } from 'node:http';

const statusLines: string[] = [];

/** `HTTP/1.1 200 OK` CRLF. */
export function statusLine(status: number): string {
  let line = statusLines[status];
  if (line === undefined) {
    line = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Unknown'}\r\n`;
    statusLines[status] = line;
  }
  return line;
}

/** The Date field (RFC 9110 section 6.6.1), made anew by whoever ticks once a second. */
export class DateLine {
  text = '';
  value = '';

  constructor() {
    this.update();
  }

  update(): void {
    const now = new Date(performance.timeOrigin + performance.now());
    this.value = now.toUTCString();
    this.text = `Date: ${this.value}\r\n`;
  }
}

/** The Connection field, where the version's default is not what will happen. */
export function connectionLine(keepsAlive: boolean, minorVersion: number): string {
  if (!keepsAlive) return 'Connection: close\r\n';
  return minorVersion === 0 ? 'Connection: keep-alive\r\n' : '';
}

/** A response that has no content by definition, and so no Content-Length (RFC 9110 section 8.6). */
export function hasNoContent(status: number): boolean {
  return status === 204 || status === 304;
}
