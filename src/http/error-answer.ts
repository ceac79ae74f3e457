/** Errors as answers, whichever protocol carries them: what a failed exchange is called, and the lines that go with a status. */
import { outcomeKind } from '../core/index.ts';
import type { Exchange } from '../sandbox/index.ts';
import type { HttpErrorKind } from './http-error.ts';

/** Content type of what `errorBody` makes. */
export const ERROR_CONTENT_TYPE = 'application/json';

/** What became of an exchange whose outcome is not OK. Its body is the message. */
export function exchangeError(exchange: Exchange): HttpErrorKind {
  const { code, status } = outcomeKind(exchange.outcome);
  const text = exchange.body.latin1(0, exchange.body.length);
  return { status, code, message: Buffer.from(text, 'latin1').toString('utf8'), close: false };
}

/** Seconds after which a client may try again, where that makes sense: 503. */
export function retryAfter({ status }: HttpErrorKind): number | undefined {
  return status === 503 ? 1 : undefined;
}
