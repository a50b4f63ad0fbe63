import { describe, expect, test } from 'vitest';
import { type FilterColumn, parseFilter } from '../src/act/filter.ts';
import { posixRegExp } from '../src/act/regex.ts';

interface Line {
  name: string | null;
  size: number | null;
}

const columns: Record<string, FilterColumn<Line>> = {
  NAME: { number: false, cell: ({ name }) => name },
  SIZE: { number: true, cell: ({ size }) => size },
  // As NETNSID: a number, or a word.
  ID: { number: true, cell: ({ size }) => (size === 0 ? 'unassigned' : size) },
};

const lines: Line[] = [
  { name: 'a', size: 0 },
  { name: 'b', size: 1 },
  { name: 'ab', size: 2048 },
  { name: null, size: null },
];

/** Names of the lines that are left. */
const left = (text: string): (string | null)[] => lines.filter(parseFilter(text, columns)).map((l) => l.name);

const refusal = (text: string): string => {
  try {
    parseFilter(text, columns);
  } catch (error) {
    return (error as Error).message;
  }
  return 'accepted';
};

describe('--filter', () => {
  test.each<[string, (string | null)[]]>([
    ['NAME == "a"', ['a']],
    ["name eq 'a'", ['a']],
    ['NAME EQ "a"', ['a']],
    ['NAME != "a"', ['b', 'ab', null]],
    ['NAME NE "a"', ['b', 'ab', null]],
    ['NAME < "b"', ['a', 'ab', null]],
    ['NAME ge "ab"', ['b', 'ab']],
    ['SIZE > 0', ['b', 'ab']],
    ['SIZE >= 2K', ['ab']],
    ['SIZE GE 2KiB', ['ab']],
    ['SIZE lt 1.5', ['a', 'b']],
    ['SIZE le 1', ['a', 'b']],
    ['SIZE<=1&&NAME=="b"', ['b']],
    ['SIZE == "1"', ['b']],
    ['SIZE == true', ['b', 'ab']],
    ['NAME == false', ['a', 'b', 'ab']],
    ['NAME =~ "^a"', ['a', 'ab']],
    ['NAME !~ "^a"', ['b', null]],
    ['SIZE =~ "^20"', ['ab']],
    ['NAME', ['a', 'b', 'ab']],
    ['SIZE', ['b', 'ab']],
    ['!SIZE', ['a', null]],
    ['not NAME', [null]],
    ['TRUE', ['a', 'b', 'ab', null]],
    ['false', []],
    ['', ['a', 'b', 'ab', null]],
    ['1 == 1.0', ['a', 'b', 'ab', null]],
    ['"x" < "y"', ['a', 'b', 'ab', null]],
    ['NAME == "  a "', ['a']],
    ['NAME == "a" == true', ['a']],
    ['(NAME == "a") == false', ['b', 'ab', null]],
    // A value that is not a number compares with none.
    ['ID >= 0', ['b', 'ab']],
    ['ID == "unassigned"', ['a']],
    ['NAME > 0', []],
    ['SIZE == ID', ['b', 'ab']],
  ])('%s', (text, names) => {
    expect(left(text)).toEqual(names);
  });

  test('and binds closer than or, and not takes a whole comparison', () => {
    expect(left('NAME == "a" or NAME == "b" and SIZE == 7')).toEqual(['a']);
    expect(left('(NAME == "a" or NAME == "b") and SIZE == 7')).toEqual([]);
    expect(left('NAME == "b" AND SIZE == 1 || NAME == "a"')).toEqual(['a', 'b']);
    expect(left('not NAME == "a" and SIZE')).toEqual(['b', 'ab']);
    expect(left('NOT (NAME == "a" OR SIZE)')).toEqual([null]);
    expect(left('!!NAME')).toEqual(['a', 'b', 'ab']);
  });

  test.each([
    ['NOPE == 1', 'there is no column NOPE; there are NAME, SIZE, ID, and a text stands in quotes'],
    ['NAME == a', 'there is no column a;'],
    ['NAME Eq "a"', '"Eq" stands where an operator such as == or and belongs'],
    ['NAME ==', 'the end stands where a column, a number or a text in quotes belongs'],
    ['== 1', '"==" stands where a column'],
    ['(NAME', 'the end stands where ")" belongs'],
    ['NAME)', '")" stands where an operator'],
    ['NAME == "a', 'the text "a has no closing quote'],
    ['NAME =~ NAME', '"NAME" stands where a regular expression in quotes belongs'],
    ['NAME =~ "("', 'the regular expression "(": a "(" is never closed'],
    ['SIZE == -1', '-1 begins with a sign'],
    ['SIZE > 3GB', '"B" stands where an operator'],
    ['SIZE > 16E', '16E is more than 64 bits hold'],
    ['NAME = "a"', 'equal is ==, and "=" is nothing'],
    ['NAME ~ "a"', '"~ "a"" begins with nothing known'],
  ])('%s is refused', (text, why) => {
    expect(refusal(text)).toContain(`--filter ${JSON.stringify(text)}: ${why}`);
  });
});

describe('POSIX regular expressions', () => {
  test.each<[string, string[], string[]]>([
    ['^(ab|c)+$', ['ab', 'cab'], ['', 'a']],
    ['[[:digit:]]{2,3}x', ['12x', 'a999x'], ['1x']],
    ['^[]a-]+$', [']-a'], ['b']],
    ['^[^[:alpha:]]$', ['1', '-'], ['a', 'ä']],
    ['^[a\\d]$', ['a', '\\', 'd'], ['1']],
    ['^a+?$', ['', 'a', 'aa'], ['b']],
    ['^a.b$', ['a\nb', 'axb'], ['ab']],
    ['\\<net\\>', ['a net b'], ['nets', 'inet']],
    ['^\\w+\\.\\-/$', ['ab.-/'], ['ab']],
    ['(a)\\1', ['aa'], ['ab']],
    ['^*', ['*a', 'a'], []],
    ['^x{,2}$', ['', 'xx'], ['xxx']],
    ['^[[.a.][=b=]]$', ['a', 'b'], ['c']],
    ['^}$', ['}'], ['{']],
    ['💡?', ['', '💡'], []],
  ])('%s', (source, yes, no) => {
    const pattern = posixRegExp(source);
    for (const text of yes) expect([text, pattern.test(text)]).toEqual([text, true]);
    for (const text of no) expect([text, pattern.test(text)]).toEqual([text, false]);
  });

  test.each(['(', '[a', 'a{', 'a{x}', '\\', '?', '(+)', '[[:nope:]]', '[z-a]'])('%s is refused', (source) => {
    expect(() => posixRegExp(source)).toThrow();
  });
});
