// The one argument of the small functions: the whole query (`/fib?20`) or else the body (`curl -d 20`).

import { bodyText, query } from './luge';

/** Longer than any argument that is understood; what is cut off could not have been valid. */
const MAX_BYTES: i32 = 64;

/** The query if there is one, else the start of the body, without blanks at the ends. */
export function argument(): string {
  const text = query();
  return text.length > 0 ? text : bodyText(MAX_BYTES).trim();
}

/** The value of 1 to 9 decimal digits, or -1 for anything else. */
export function decimal(text: string): i32 {
  const length = text.length;
  if (length == 0 || length > 9) return -1;
  let value = 0;
  for (let i = 0; i < length; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}
