/**
 * `traceparent` and `tracestate` of a request on its way to a function (W3C Trace Context, level 1).
 *
 * One that is well-formed goes on as it is, its state with it: the front end records no span of its own, and a parent that nobody has recorded would tear
 * the trace apart. One that is not, or is there twice, is dropped together with the state, which means nothing without it; there, and where a request
 * brings none, a trace begins, not sampled, so that a function and whom it calls have an id in common.
 */
import { randomBytes } from 'node:crypto';
import { fieldValues, withoutFields } from './header-lines.ts';

/** A later version may have more behind the flags. */
const FORM = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?$/;
const ZEROS = /^0+$/;

export function isTraceParent(value: string): boolean {
  const [, version, trace, parent, more] = FORM.exec(value) ?? [];
  if (version === undefined || trace === undefined || parent === undefined) return false;
  if (version === 'ff' || (version === '00' && more !== undefined)) return false;
  return !ZEROS.test(trace) && !ZEROS.test(parent);
}

/** The field lines with one traceparent that is well-formed. */
export function withTrace(lines: string): string {
  const values = fieldValues(lines, 'traceparent');
  if (values.length === 1 && isTraceParent(values[0] as string)) return lines;
  const rest = withoutFields(lines, 'traceparent', 'tracestate');
  return `${rest}traceparent: 00-${randomId(16)}-${randomId(8)}-00\r\n`;
}

function randomId(bytes: number): string {
  const id = randomBytes(bytes).toString('hex');
  return ZEROS.test(id) ? randomId(bytes) : id;
}
