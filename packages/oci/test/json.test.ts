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

  it('does not fall over deep nesting', () => {
    const deep = '['.repeat(200_000);
    expect(complaint(deep)).toMatch(/nested too deeply|no valid JSON/);
    expect(complaint(`${deep}18446744073709551615${']'.repeat(200_000)}`)).toContain('nested too deeply');
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
