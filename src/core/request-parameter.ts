/** The number in a request's head that a model of its running time goes by. */
import { type Exchange, headerValue } from '../sandbox/index.ts';

const SOURCE = /^(?:query|query:[^\s&=#]{1,128}|header:[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,128})$/;
/** Decimal, as programs read it; a field of the client's is not to be an Infinity or a hexadecimal slip. */
const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?$/;

/** 'query:name', 'query' (the first parameter that has no name, as in `/fib?20`), 'header:name'. */
export const PARAMETER_TEXT = '"query", "query:name" or "header:name"';

export function isParameterSource(source: string): boolean {
  return SOURCE.test(source);
}

/** NaN when the request does not have it, or it is no number. */
export function parameterOf(exchange: Exchange, source: string): number {
  const text = textOf(exchange, source);
  if (text === undefined || text.length > 32 || !NUMBER.test(text)) return Number.NaN;
  return Number(text);
}

function textOf(exchange: Exchange, source: string): string | undefined {
  if (source.startsWith('header:')) return headerValue(exchange, source.slice('header:'.length));
  const name = source.slice('query:'.length);
  for (const part of exchange.query().split('&')) {
    const equals = part.indexOf('=');
    if (name === '' ? equals < 0 && part !== '' : equals >= 0 && part.slice(0, equals) === name) {
      return part.slice(equals + 1);
    }
  }
  return undefined;
}
