import { describe, expect, it } from 'vitest';
import { JsonError, parseJson, serializeJson } from '../src/json.ts';

const parse = (text: string | Uint8Array) => parseJson(text, 'config.json');

/** The message that parsing gives. */
function complaint(text: string | Uint8Array): string {
  try {
    parse(text);
  } catch (error) {
    expect(error).toBeInstanceOf(JsonError);
    return (error as Error).message;
  }
  throw new Error('it was accepted');
}

describe('64-bit integers', () => {
  it.each(['18446744073709551615', '9223372036854775807', '-9223372036854775808', '9007199254740993'])(
    '%s survives',
    (digits) => {
      const text = `{"hard":${digits}}`;
      expect((parse(text) as { hard: bigint }).hard).toBe(BigInt(digits));
      expect(serializeJson(parse(text))).toBe(text);
    },
  );

  it('leaves numbers that are exact as numbers, also beside big ones', () => {
    expect(parse('[9007199254740991,-1,0.5,1e3,18446744073709551615]')).toEqual([
      9007199254740991,
      -1,
      0.5,
      1000,
      18446744073709551615n,
    ]);
  });

  it('does not touch digits inside strings', () => {
    const text = '{"id":"18446744073709551615"}';
    expect(serializeJson(parse(text))).toBe(text);
  });

  it("is as the engine's own reading by source text, and writing", () => {
    let seed = 11;
    const below = (n: number): number => {
      seed = (seed * 48271) % 2147483647;
      return seed % n;
    };
    const words = [
      '9007199254740993',
      '"18446744073709551615"',
      '1e400',
      '-9223372036854775808',
      '123',
      '-0',
    ];
    const more = [
      '1234567890123456789.5',
      '1.1234567890123456789',
      '9007199254740991',
      '12345678901234567e2',
    ];
    const rest = [
      '"a\\\\"',
      '"\\"12345678901234567890"',
      '1e-12345678901234567',
      'null',
      'true',
      '""',
      '"\\u00e4]"',
    ];
    const leaves = [...words, ...more, ...rest, '1e+12345678901234567', '99999999999999999999999999'];
    const make = (depth: number): string => {
      const kind = depth > 4 ? 0 : below(4);
      if (kind < 2) return leaves[below(leaves.length)]!;
      const items = Array.from({ length: below(4) }, () => make(depth + 1));
      if (kind === 2) return `[${items.join(below(2) ? ',' : ' ,\n')}]`;
      return `{${items.map((item, i) => `"${['a', '12345678901234567890', '__proto__', 'a'][i]}":${item}`).join(', ')}}`;
    };
    for (let i = 0; i < 3000; i++) {
      const text = make(0);
      const value = JSON.parse(text, ((
        _key: string,
        v: unknown,
        { source = '' }: { source?: string } = {},
      ) =>
        typeof v === 'number' && !Number.isSafeInteger(v) && /^-?\d+$/.test(source)
          ? BigInt(source)
          : v) as never);
      expect(parse(text)).toEqual(value);
      for (const indent of [undefined, 2]) {
        const raw = (_: string, v: unknown) =>
          typeof v === 'bigint' ? (JSON as unknown as { rawJSON(t: string): unknown }).rawJSON(String(v)) : v;
        const written = JSON.stringify(value, raw, indent);
        expect(serializeJson(value, indent)).toBe(indent === undefined ? written : `${written}\n`);
      }
    }
  });

  it('keeps unknown properties, __proto__ among them', () => {
    const text = '{"__proto__":{"a":18446744073709551615},"x-mine":[{}]}';
    expect(serializeJson(parse(text))).toBe(text);
    expect(({} as { a?: unknown }).a).toBeUndefined();
  });
});

describe('what is no JSON', () => {
  it.each([
    ['{"a": 1\n "b": 2}', 'line 2, column 2: a comma or a closing brace was expected, near'],
    ['{"a": x}', 'line 1, column 7: a JSON value was expected, near "{\\"a\\": x}"'],
    ['{"a": 1,}', 'line 1, column 9: a property name in double quotes'],
    ["{'a': 1}", 'line 1, column 2: a property name in double quotes'],
    [
      '[1, 2',
      'line 1, column 6: the text ends where a comma or a closing bracket was expected, after "[1, 2"',
    ],
    ['{"a": "b', 'the text ends where the closing quotation mark of a string was expected'],
    ['{"a": "\\q"}', 'a valid escape sequence'],
    ['{"a": "\t"}', 'no raw control character'],
    ['{} {}', 'column 4: the end of the document'],
    ['[01]', 'a comma or a closing bracket'],
    ['[1.]', 'a comma or a closing bracket'],
    ['{"a" 1}', 'a colon after the property name'],
    ['// no\n{}', 'line 1, column 1: a JSON value'],
  ])('%s', (text, words) => {
    expect(complaint(text)).toContain(words);
    expect(complaint(text)).not.toContain('\n');
  });

  it('agrees with JSON.parse about every prefix of a document', () => {
    const text = '{"a":[1,-2.5e+3,true,null,"\\u00e4\\n"],"b":{"c":{}}}';
    for (let n = 1; n < text.length; n++)
      expect(complaint(text.slice(0, n))).toMatch(/^config.json: line 1, column \d+: /);
  });

  it.each(['', ' \n', '\ufeff'])('says that %j is empty', (text) => {
    expect(complaint(Buffer.from(text))).toContain('config.json is empty');
  });

  it('reads over a byte order mark', () => {
    expect(parse(Buffer.from('\ufeff{"a":1}'))).toEqual({ a: 1 });
  });

  it('names the byte that is not UTF-8', () => {
    expect(
      complaint(Buffer.concat([Buffer.from('{"ä":"'), Buffer.from([0xff]), Buffer.from('"}')])),
    ).toContain('byte 7 is not valid');
    expect(complaint(Buffer.from([0x22, 0xe2, 0x82]))).toContain('not UTF-8');
  });

  it('recognises UTF-16', () => {
    expect(complaint(Buffer.from('\ufeff{}', 'utf16le'))).toContain('UTF-16');
  });

  it('refuses what is nested deeper than engines bear, and nothing else', () => {
    const nested = (depth: number, inner: string): string =>
      `${'[{"a":'.repeat(depth / 2)}${inner}${'}]'.repeat(depth / 2)}`;
    for (const inner of ['1', '18446744073709551615', '"]]}}\\\\"'])
      expect(serializeJson(parse(nested(1000, inner)))).toBe(nested(1000, inner));
    for (const text of [nested(1002, '1'), nested(200_000, '18446744073709551615'), '['.repeat(200_000)])
      expect(complaint(text)).toBe('config.json: nested too deeply to be read');
    // Brackets in strings, and many that are closed again, nest nothing.
    const wide = JSON.stringify(Array.from({ length: 3000 }, () => ({ a: '[[{"\\"' })));
    expect(serializeJson(parse(wide))).toBe(wide);
  });

  it('refuses random bytes in one line', () => {
    let seed = 7;
    for (let i = 0; i < 300; i++) {
      const bytes = Buffer.alloc(1 + (i % 40));
      for (let j = 0; j < bytes.length; j++) {
        seed = (seed * 1103515245 + 12345) & 0x7fffffff;
        bytes[j] = seed >> 16;
      }
      try {
        parse(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(JsonError);
        expect((error as Error).message).not.toMatch(/[\n\x1b\x00]/);
      }
    }
  });
});
