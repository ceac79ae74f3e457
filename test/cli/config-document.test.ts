import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConfigDocument, ConfigError, formatPath } from '../../src/cli/config-schema.ts';

/** The only line of the error that reading `text` gives. */
function refusal(text: string): string {
  try {
    new ConfigDocument('f.json', text).settle();
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return 'accepted';
}

function holdsInfinity(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.values(value).some(holdsInfinity);
  return typeof value === 'number' && !Number.isFinite(value);
}

describe('reader', () => {
  it('reads_what_JSON_stringify_writes', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), fc.constantFrom(0, 2), (value, indent) => {
        const text = JSON.stringify(value, null, indent);
        fc.pre(!text.includes('"__proto__"'));
        expect(new ConfigDocument('f.json', text).value).toEqual(JSON.parse(text));
      }),
    );
  });

  it('accepts_exactly_what_JSON_parse_accepts', () => {
    const pieces = [
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"a"',
      '"b\\n"',
      '"\\x"',
      '0',
      '-1.5e3',
      '01',
      '.5',
      '1.',
      '-',
      '+1',
      'true',
      'nul',
      'null',
      ' ',
      '\n',
      '\t',
      '\u00a0',
      '"',
      '\u0001',
    ];
    const token = fc.constantFrom(...pieces);
    const pair = fc.array(token, { maxLength: 3 }).map((tokens) => `{"k":${tokens.join('')}}`);
    const list = fc.array(token, { maxLength: 4 }).map((tokens) => `[${tokens.join('')}]`);
    const loose = fc.array(token, { maxLength: 8 }).map((tokens) => tokens.join(''));
    fc.assert(
      fc.property(fc.oneof(pair, list, loose), (text) => {
        let accepted = true;
        try {
          // `-1.5e3` and `01` make -1.5e301 and beyond, which JSON.parse takes for Infinity, and which no configuration means.
          accepted = !holdsInfinity(JSON.parse(text));
        } catch {
          accepted = false;
        }
        expect(refusal(text).includes('not JSON')).toBe(!accepted);
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    ['{"a": 1,\n  b: 2}', 'f.json:2:3: not JSON: expected a key in double quotes, found "b"'],
    ['{"a": 1,\n}', 'f.json:1:8: not JSON: a comma before "}" is not JSON'],
    ['[1, 2,]', 'f.json:1:6: not JSON: a comma before "]" is not JSON'],
    ['{"a" 1}', 'f.json:1:6: not JSON: expected ":" after the key "a", found "1"'],
    ['{"a": 1 "b": 2}', 'f.json:1:9: not JSON: expected "," or "}", found "\\""'],
    [
      '{\n // why\n}',
      'f.json:2:2: not JSON: expected a key in double quotes, found "/" (JSON has no comments)',
    ],
    ['{"a": tru}', 'f.json:1:7: not JSON: expected a value, found "tru"'],
    ["{'a': 1}", 'f.json:1:2: not JSON: expected a key in double quotes, found "\'"'],
    ['{"a": "x', 'f.json:1:7: not JSON: a string without its closing quote'],
    ['{"a": "x\ny"}', 'f.json:1:9: not JSON: a control character inside a string'],
    ['{"a": "\\q"}', 'f.json:1:7: not JSON: a string with an escape that JSON does not know'],
    ['{"a": 1e999}', 'f.json:1:7: not JSON: 1e999 is too large a number'],
    ['{} {}', 'f.json:1:4: not JSON: expected the end of the file, found "{"'],
    ['', 'f.json:1:1: not JSON: expected a value, but the file ends'],
    ['{"a": [1', 'f.json:1:9: not JSON: expected "," or "]", but the file ends'],
    ['{"__proto__": 1}', 'f.json:1:2: not JSON: "__proto__" is not a key'],
    ['{"a": 1, "b": {"c": 1,\r\n"c": 2}}', 'f.json:2:1: b.c: duplicate key (first at 1:16)'],
    ['[{"\\u0061": 1, "a": 2}]', 'f.json:1:16: [0].a: duplicate key (first at 1:3)'],
  ])('names_the_place_of_%j', (text, message) => {
    expect(refusal(text)).toBe(message);
  });

  it('lists_every_duplicate_key', () => {
    expect(refusal('{"a": 1, "a": 2, "b": 3, "b": 4, "a": 5}').split('\n')).toHaveLength(2);
  });

  it('refuses_depth_instead_of_overflowing_the_stack', () => {
    expect(refusal('['.repeat(100_000))).toMatch(/nested deeper than 64 levels$/);
  });

  it('inherits_no_keys_from_Object', () => {
    const { value } = new ConfigDocument('f.json', '{}');
    expect((value as Record<string, unknown>).constructor).toBeUndefined();
  });
});

describe('problems', () => {
  it('are_sorted_by_place_and_never_repeated', () => {
    const document = new ConfigDocument('f.json', '{"a": 1,\n "b": [10, 20]}');
    document.report(['b', 1], 'second');
    document.report(['a'], 'first');
    document.report(['b', 1], 'second');
    document.report(['b', 7, 'x'], 'nowhere: points at its nearest ancestor');
    document.report(['b'], 'key', 'key');
    expect(() => document.settle()).toThrow(
      [
        'f.json:1:7: a: first',
        'f.json:2:2: b: key',
        'f.json:2:7: b[7].x: nowhere: points at its nearest ancestor',
        'f.json:2:12: b[1]: second',
      ].join('\n'),
    );
  });

  it('carry_path_message_line_and_column', () => {
    const document = new ConfigDocument('f.json', '{"a": 1}');
    document.report(['a'], 'wrong');
    try {
      document.settle();
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(ConfigError);
      expect(error).toMatchObject({
        code: 'ERR_CONFIG',
        file: 'f.json',
        problems: [{ path: 'a', message: 'wrong', line: 1, column: 7 }],
      });
    }
  });

  it('paths_quote_what_is_no_word', () => {
    expect(formatPath([0, 'routes', 2, 'relative-deadline-us'])).toBe(
      '[0].routes[2].relative-deadline-us',
    );
    expect(formatPath(['env', 'a b'])).toBe('env["a b"]');
    expect(formatPath([])).toBe('');
  });
});
