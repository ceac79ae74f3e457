import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type BodySink,
  ChunkedDecoder,
  type ChunkedLimits,
  DEFAULT_CHUNKED_LIMITS,
} from '../../src/http/chunked.ts';
import { BAD } from '../../src/http/parser.ts';
import { latin1 } from './feed.ts';

class Collector implements BodySink {
  text = '';
  runs = 0;
  write(buffer: Uint8Array, from: number, to: number): boolean {
    expect(to).toBeGreaterThan(from);
    this.runs++;
    this.text += Buffer.from(buffer.subarray(from, to)).toString('latin1');
    return true;
  }
}

interface Decoded {
  body: string;
  rest: string | undefined;
  code: string | undefined;
  at: number;
}

/** Decode `text`, cut at each of `cuts`. `rest` is what is left behind the body. */
function decode(text: string, cuts: readonly number[] = [], limits?: ChunkedLimits): Decoded {
  const decoder = new ChunkedDecoder(limits);
  const sink = new Collector();
  const bytes = latin1(text);
  let start = 0;
  for (const end of [...cuts, bytes.length]) {
    if (decoder.done) break;
    const result = decoder.decode(bytes, start, end, sink);
    if (result === BAD) {
      return {
        body: sink.text,
        rest: undefined,
        code: decoder.error!.code,
        at: decoder.errorOffset,
      };
    }
    expect(result === end || decoder.done).toBe(true);
    start = result;
  }
  return {
    body: sink.text,
    rest: decoder.done ? text.slice(start) : undefined,
    code: undefined,
    at: 0,
  };
}

function limits(some: Partial<ChunkedLimits>): ChunkedLimits {
  return { ...DEFAULT_CHUNKED_LIMITS, ...some };
}

const GOOD: readonly [name: string, text: string, body: string][] = [
  ['empty body', '0\r\n\r\n', ''],
  ['one chunk', '5\r\nhello\r\n0\r\n\r\n', 'hello'],
  [
    'several chunks, hexadecimal in both cases',
    'a\r\n0123456789\r\nA\r\nabcdefghij\r\n0\r\n\r\n',
    '0123456789abcdefghij',
  ],
  ['leading zeros, last chunk of many', '0000000000000003\r\nabc\r\n000\r\n\r\n', 'abc'],
  ['data that looks like framing', '7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n', '\r\n0\r\n\r\n'],
  ['extensions', '1;a;b=c;d="e;\\"\r";f\r\nx\r\n0;z\r\n\r\n'.replace('\r"', '\t"'), 'x'],
  ['trailers', '1\r\nx\r\n0\r\nA: b\r\nC-d:\t\xff \r\nE:\r\n\r\n', 'x'],
];

const BAD_BODIES: readonly [name: string, before: string, rest: string, code: string][] = [
  ['size missing', '', '\r\n', 'INVALID_CHUNK_SIZE'],
  ['size with sign', '', '+5\r\n', 'INVALID_CHUNK_SIZE'],
  ['size with 0x', '0', 'x5\r\n', 'INVALID_CHUNK_SIZE'],
  ['size in front of a space', '5', ' \r\n', 'INVALID_CHUNK_SIZE'],
  ['size behind a space', '', ' 5\r\n', 'INVALID_CHUNK_SIZE'],
  ['size of 17 digits', '0000000000000000', '5\r\n', 'INVALID_CHUNK_SIZE'],
  ['size that would overflow', 'fffff', 'ffffffffffff\r\n', 'BODY_TOO_LARGE'],
  ['size line ended by lf', '5', '\nhello', 'BARE_LF'],
  ['size line ended by cr', '5\r', 'hello', 'BARE_CR'],
  ['size line: lf first', '', '\n', 'BARE_LF'],
  ['data longer than its size', '5\r\nhello', '!\r\n', 'INVALID_CHUNK_END'],
  ['data ended by lf', '5\r\nhello', '\n0\r\n', 'INVALID_CHUNK_END'],
  ['data ended by cr', '5\r\nhello\r', '0\r\n', 'INVALID_CHUNK_END'],
  ['extension empty', '5;', '\r\n', 'INVALID_CHUNK_EXTENSION'],
  ['extension with a space', '5;', ' a\r\n', 'INVALID_CHUNK_EXTENSION'],
  ['extension without value', '5;a=', '\r\n', 'INVALID_CHUNK_EXTENSION'],
  ['extension with a bad byte', '5;a', '(\r\n', 'INVALID_CHUNK_EXTENSION'],
  ['extension value with a bad byte', '5;a=b', '=\r\n', 'INVALID_CHUNK_EXTENSION'],
  ['extension string not closed', '5;a="b', '\r\n', 'INVALID_CHUNK_EXTENSION'],
  ['extension string with a tail', '5;a="b"', 'c\r\n', 'INVALID_CHUNK_EXTENSION'],
  ['extension string with an escaped cr', '5;a="\\', '\r"\r\n', 'INVALID_CHUNK_EXTENSION'],
  ['extension ended by lf', '5;a', '\n', 'BARE_LF'],
  ['extension ended by cr', '5;a\r', 'b', 'BARE_CR'],
  ['end without its crlf', '0\r\n\r', 'x', 'BARE_CR'],
  ['end: lf', '0\r\n', '\n', 'BARE_LF'],
  ['trailer without name', '0\r\n', ': a\r\n', 'INVALID_TRAILER'],
  ['trailer that begins with a space', '0\r\nA: b\r\n', ' c\r\n', 'INVALID_TRAILER'],
  ['trailer with a space in front of the colon', '0\r\nA', ' : b\r\n', 'INVALID_TRAILER'],
  ['trailer without colon', '0\r\nA', '\r\n', 'INVALID_TRAILER'],
  ['trailer with nul', '0\r\nA: ', '\0\r\n', 'INVALID_TRAILER'],
  ['trailer ended by lf', '0\r\nA: b', '\n\r\n', 'BARE_LF'],
  ['trailer ended by cr', '0\r\nA: b\r', 'C: d\r\n', 'BARE_CR'],
];

describe('bodies', () => {
  test.each(GOOD)('%s', (_name, text, body) => {
    expect(decode(`${text}NEXT`)).toEqual({ body, rest: 'NEXT', code: undefined, at: 0 });
  });

  test.each(BAD_BODIES)('refused: %s', (_name, before, rest, code) => {
    const outcome = decode(before + rest);
    expect(outcome).toMatchObject({ rest: undefined, code: `ERR_HTTP_${code}`, at: before.length });
  });

  test('a proper prefix of a body is never done', () => {
    for (const [, text] of GOOD) {
      for (let end = 0; end < text.length; end++) {
        expect(decode(text.slice(0, end))).toMatchObject({ rest: undefined, code: undefined });
      }
    }
  });

  test('a chunk that came in one piece is handed over in one run, in place', () => {
    const sink = new Collector();
    const bytes = latin1('5\r\nhello\r\n3\r\nabc\r\n0\r\n\r\n');
    new ChunkedDecoder().decode(bytes, 0, bytes.length, sink);
    expect(sink.runs).toBe(2);
  });

  test('a message names the kind and the byte, over several calls', () => {
    const decoder = new ChunkedDecoder();
    const sink = new Collector();
    expect(decoder.decode(latin1('2\r\na'), 0, 4, sink)).toBe(4);
    expect(decoder.errorMessage()).toBe('');
    expect(decoder.decode(latin1('__bX'), 2, 4, sink)).toBe(BAD);
    expect(decoder.errorMessage()).toBe(
      'the data of a chunk does not end in CRLF (byte 5 of the chunked body)',
    );
    expect(decoder.decode(latin1('\r\n'), 0, 2, sink)).toBe(BAD);
  });
});

describe('any cut of the bytes gives the same outcome', () => {
  const SAMPLES = [...GOOD.map(([, text]) => text), ...BAD_BODIES.map(([, a, b]) => a + b)];

  test('byte by byte', () => {
    for (const text of SAMPLES) {
      const cuts = Array.from({ length: text.length }, (_, i) => i + 1);
      expect(decode(text, cuts)).toEqual(decode(text));
    }
  });

  test('at random points', () => {
    const points = fc.array(fc.nat({ max: 60 }), { maxLength: 5 });
    fc.assert(
      fc.property(fc.constantFrom(...SAMPLES), points, (text, cuts) => {
        const sorted = cuts.filter((at) => at <= text.length).sort((a, b) => a - b);
        expect(decode(text, sorted)).toEqual(decode(text));
      }),
    );
  });

  test('what was encoded in random chunks comes out again', () => {
    const chunks = fc.array(fc.string({ minLength: 1, maxLength: 40, unit: 'binary-ascii' }));
    fc.assert(
      fc.property(chunks, fc.array(fc.nat({ max: 500 })), (parts, cuts) => {
        const text = `${parts.map((part) => `${part.length.toString(16)}\r\n${part}\r\n`).join('')}0\r\n\r\n`;
        const sorted = cuts.filter((at) => at <= text.length).sort((a, b) => a - b);
        expect(decode(text, sorted)).toMatchObject({ body: parts.join(''), rest: '' });
      }),
    );
  });
});

describe('limits', () => {
  test('body: the sum of the sizes, refused before its bytes come', () => {
    const ten = limits({ maxBodyBytes: 10 });
    expect(decode('4\r\nabcd\r\n6\r\nefghij\r\n0\r\n\r\n', [], ten).body).toBe('abcdefghij');
    expect(decode('4\r\nabcd\r\n7', [], ten)).toMatchObject({
      code: 'ERR_HTTP_BODY_TOO_LARGE',
      at: 9,
    });
    expect(decode('b', [], ten)).toMatchObject({ code: 'ERR_HTTP_BODY_TOO_LARGE', at: 0 });
  });

  test('extensions of one chunk, and of all together', () => {
    const few = limits({ maxExtensionBytes: 4, maxExtensionTotalBytes: 10 });
    const chunk = '1;abc\r\nx\r\n';
    expect(decode(`${chunk}${chunk}0;a\r\n\r\n`, [], few)).toMatchObject({ body: 'xx', rest: '' });
    expect(decode('1;abcd\r\n', [], few)).toMatchObject({
      code: 'ERR_HTTP_CHUNK_EXTENSION_TOO_LARGE',
      at: 5,
    });
    expect(decode(chunk + chunk + chunk, [], few)).toMatchObject({
      code: 'ERR_HTTP_CHUNK_EXTENSION_TOO_LARGE',
      at: 23,
    });
  });

  test('trailers', () => {
    const few = limits({ maxTrailerBytes: 12 });
    expect(decode('0\r\nA: b\r\nC: d\r\n\r\n', [], few).rest).toBe('');
    expect(decode('0\r\nA: b\r\nC: de\r\n\r\n', [], few)).toMatchObject({
      code: 'ERR_HTTP_TRAILERS_TOO_LARGE',
      at: 15,
    });
  });
});

describe('sink and reuse', () => {
  test('a refused run is offered again, nothing is lost or doubled', () => {
    const text = '5\r\nhello\r\n6\r\n world\r\n0\r\n\r\nNEXT';
    const bytes = latin1(text);
    const decoder = new ChunkedDecoder();
    let offers = 0;
    let body = '';
    const sink: BodySink = {
      write(buffer, from, to) {
        if (offers++ % 3 !== 2) return false;
        body += Buffer.from(buffer.subarray(from, to)).toString('latin1');
        return true;
      },
    };
    let start = 0;
    let calls = 0;
    while (!decoder.done) {
      start = decoder.decode(bytes, start, bytes.length, sink);
      calls++;
    }
    expect(body).toBe('hello world');
    expect(text.slice(start)).toBe('NEXT');
    expect(calls).toBe(5);
  });

  test('done stays done, reset makes it ready for another body', () => {
    const decoder = new ChunkedDecoder(
      limits({ maxBodyBytes: 5, maxTrailerBytes: 6, maxExtensionTotalBytes: 2 }),
    );
    const bytes = latin1('5;a\r\nhello\r\n0\r\nA: b\r\n\r\n');
    for (let round = 0; round < 3; round++) {
      const sink = new Collector();
      expect(decoder.decode(bytes, 0, bytes.length, sink)).toBe(bytes.length);
      expect([decoder.done, decoder.bodyBytes, sink.text]).toEqual([true, 5, 'hello']);
      expect(decoder.decode(bytes, 0, bytes.length, sink)).toBe(0);
      decoder.reset();
      expect([decoder.done, decoder.bodyBytes]).toEqual([false, 0]);
    }
    expect(decoder.decode(latin1('x'), 0, 1, new Collector())).toBe(BAD);
    decoder.reset();
    expect(decoder.decode(bytes, 0, bytes.length, new Collector())).toBe(bytes.length);
  });
});
