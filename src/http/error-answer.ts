/** Errors as answers, whichever protocol carries them: what a failed exchange is called, and the lines that go with a status. */
import { outcomeKind } from '../core/index.ts';
import { type Exchange, OUTCOME } from '../sandbox/index.ts';
import type { HttpErrorKind } from './http-error.ts';

/** Content type of what `errorBody` makes. */
export const ERROR_CONTENT_TYPE = 'application/json';

/** What became of an exchange whose outcome is not OK. Its body is the message. */
export function exchangeError(exchange: Exchange): HttpErrorKind {
  const { code, status } = outcomeKind(exchange.outcome);
  const text = exchange.body.latin1(0, exchange.body.length);
  const message = Buffer.from(text, 'latin1').toString('utf8');
  if (exchange.outcome !== OUTCOME.NOT_ADMITTED) return { status, code, message, close: false };
  const retryAfterSeconds = Math.max(1, Math.ceil(exchange.retryAfterMs / 1e3));
  return { status, code, message, close: false, retryAfterSeconds };
}

/** Seconds after which a client may try again, where that makes sense: 429 and 503. */
export function retryAfter({ status, retryAfterSeconds }: HttpErrorKind): number | undefined {
  return retryAfterSeconds ?? (status === 503 ? 1 : undefined);
}
