/** What a client may say of its request's time, and what is refused. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { NO_TIMEOUT, TimeoutHeader } from '../../src/http/timeout-header.ts';

const header = new TimeoutHeader('X-Timeout-Ms');

function read(lines: string, own: TimeoutHeader = header): number {
  // Not at the beginning of the bytes, nor up to their end.
  const text = `x-timeout-ms: 1\r\n${lines}x-timeout-ms: 2\r\n`;
  return own.read(Buffer.from(text, 'latin1'), 17, 17 + lines.length);
}

it('a_number_is_of_milliseconds_or_of_the_unit_behind_it', () => {
  const cases: [string, number][] = [
    ['250', 250e6],
    ['1m', 1e6],
    ['3S', 3e9],
    ['2M', 120e9],
    ['1H', 3600e9],
    ['7u', 7000],
    ['9n', 9],
    ['0005', 5e6],
    ['9999999999', 9_999_999_999e6],
  ];
  for (const [value, ns] of cases) expect(read(`X-Timeout-Ms: ${value}\r\n`), value).toBe(ns);
});

it('what_is_no_such_number_is_refused', () => {
  const bad = ['', '0', '00', '-1', '+1', '1.5', '1e3', '0x10', 'ten', '1s', '1 m', '1mm', '1 2'];
  for (const value of [...bad, '12345678901', '1,2', 'Infinity', '٣']) {
    expect(read(`X-Timeout-Ms: ${value}\r\n`), value).toBeNaN();
  }
});

it('its_name_is_compared_without_case_and_as_a_whole', () => {
  expect(read('x-TIMEOUT-ms:5\r\n')).toBe(5e6);
  expect(read('X-Timeout-Ms:\t 5 \t\r\n')).toBe(5e6);
  for (const name of ['X-Timeout-M', 'X-Timeout-Mss', 'XX-Timeout-Ms', 'X_Timeout-Ms', 'Timeout']) {
    expect(read(`${name}: 5\r\n`), name).toBe(NO_TIMEOUT);
  }
  // A letter's other bit is no case of what is no letter.
  expect(read('a^b: 5\r\n', new TimeoutHeader('A~b'))).toBe(NO_TIMEOUT);
});

it('it_is_found_among_others_and_refused_twice', () => {
  const others = 'Host: a\r\nAccept: x-timeout-ms: 9\r\nX: \r\n';
  expect(read(others)).toBe(NO_TIMEOUT);
  expect(read(`${others}X-Timeout-Ms: 5\r\n`)).toBe(5e6);
  expect(read(`X-Timeout-Ms: 5\r\n${others}`)).toBe(5e6);
  expect(read(`X-Timeout-Ms: 5\r\n${others}X-Timeout-Ms: 5\r\n`)).toBeNaN();
  expect(read('')).toBe(NO_TIMEOUT);
});

it('whatever_the_bytes_are_it_ends', () => {
  const line = fc.oneof(
    fc.string({ unit: 'binary-ascii', maxLength: 30 }),
    fc.constantFrom('x-timeout-ms:', 'X-Timeout-Ms: 12', '\r\n', '\n', ':'),
  );
  fc.assert(
    fc.property(fc.array(line, { maxLength: 8 }), (lines) => {
      const value = header.read(Buffer.from(lines.join(''), 'latin1'), 0, lines.join('').length);
      expect(value > 0 || Number.isNaN(value)).toBe(true);
    }),
    { numRuns: 500 },
  );
});
