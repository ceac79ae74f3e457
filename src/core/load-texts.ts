/**
 * The texts of a function that go to its workers. A record ends each of them at a NUL (records.ts), as C programs do with arguments and
 * environment: one inside would shift everything behind it, so none is let in. Where a text comes from is named as an embedder
 * would write it: `args[2]`, `env["A B"]`.
 */
import type { LoadOptions } from './api.ts';
import { LugeError } from './errors.ts';

/** A name that can be said behind a dot. */
const PLAIN = /^[A-Za-z_$][\w$]*$/;

/** Throws ERR_INVALID_ARGUMENT for the first text that cannot be. */
export function checkTexts(name: string, options: LoadOptions): void {
  check('name', name);
  for (const key of ['route', 'tenant', 'contentType'] as const) {
    if (options[key] !== undefined) check(key, options[key]);
  }
  options.args?.forEach((text, at) => {
    check(`args[${at}]`, text);
  });
  for (const [variable, text] of Object.entries(options.env ?? {})) {
    const place = PLAIN.test(variable) ? `env.${variable}` : `env[${JSON.stringify(variable)}]`;
    if (variable === '' || /[=\0]/.test(variable)) {
      throw refusal(`${place}: a variable has a name without "=" and NUL`);
    }
    check(place, text);
  }
}

function check(place: string, text: unknown): void {
  if (typeof text !== 'string') {
    throw refusal(`${place} must be a string, not ${text === null ? 'null' : typeof text}`);
  }
  const at = text.indexOf('\0');
  if (at >= 0) throw refusal(`${place} must be a string without NUL; there is one at index ${at}`);
}

function refusal(text: string): LugeError {
  return new LugeError('ERR_INVALID_ARGUMENT', 400, `load: ${text}`);
}
