/**
 * `--filter EXPR`: which lines of `--show` are printed, in the language of lsns(8) and
 * the other programs of util-linux 2.41, scols-filter(5).
 *
 * Two readings differ on purpose, where the page's own order of precedence says one thing and the
 * library another that nobody can mean: `and` binds closer than `or`, and `not` takes the whole
 * comparison after it.
 */
import { UsageError } from '@ctr-tools/cli';
import type { Cell } from './columns.ts';
import { posixRegExp } from './regex.ts';

type Value = string | number | boolean | null;
type Type = 'string' | 'number' | 'float' | 'boolean';

/** What a column is to the filter: its kind, and its value in a line. */
export interface FilterColumn<Line> {
  number: boolean;
  cell(line: Line): Cell;
}

type Comparison = '==' | '!=' | '<=' | '<' | '>=' | '>';

type Node<Line> =
  | { is: 'param'; type: Type; fixed: boolean; value(line: Line): Value }
  | { is: 'and' | 'or'; left: Node<Line>; right: Node<Line> }
  | { is: 'not'; of: Node<Line> }
  | { is: 'compare'; by: Comparison; left: Node<Line>; right: Node<Line> }
  | { is: 'match'; not: boolean; left: Node<Line>; pattern: RegExp };

interface Token {
  is: 'number' | 'float' | 'string' | 'name' | 'operator' | 'end';
  text: string;
  at: number;
}

const scanner =
  /\s*(?:(?<string>"[^"\n]*"|'[^'\n]*')|(?<float>\d+\.\d+)|(?<number>\d+(?:[KMGTPEZY](?:iB)?)?)|(?<name>[a-zA-Z][a-zA-Z_.%:/\-0-9]*)|(?<operator>&&|\|\||[=!<>]=|=~|!~|[!<>()]))/y;

/** Each operator in one spelling; words are operators in lower or in upper case, and else columns. */
const words: Readonly<Record<string, string>> = Object.fromEntries(
  [
    ['and', '&&'],
    ['or', '||'],
    ['not', '!'],
    ['eq', '=='],
    ['ne', '!='],
    ['le', '<='],
    ['lt', '<'],
    ['ge', '>='],
    ['gt', '>'],
  ].flatMap(([word, operator]) => [
    [word, operator],
    [word!.toUpperCase(), operator],
  ]),
);

const fault = (text: string, what: string): UsageError =>
  new UsageError(`--filter ${JSON.stringify(text)}: ${what}; scols-filter(5) has the language`);

function whatIsWrong(rest: string): string {
  if (/^["']/.test(rest)) return `the text ${rest} has no closing quote`;
  if (rest.startsWith('=')) return 'equal is ==, and "=" is nothing';
  if (/^-\d/.test(rest)) return `${rest} begins with a sign, and no number here has one`;
  return `"${rest}" begins with nothing known`;
}

function scan(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (text.slice(at).trim() !== '') {
    scanner.lastIndex = at;
    const match = scanner.exec(text);
    if (!match) {
      const rest = text.slice(at).trimStart();
      throw fault(text, whatIsWrong(rest));
    }
    const [is, word] = Object.entries(match.groups!).find(([, value]) => value !== undefined)!;
    const operator = is === 'name' ? words[word] : undefined;
    tokens.push({ is: (operator ? 'operator' : is) as Token['is'], text: operator ?? word, at });
    at = scanner.lastIndex;
  }
  tokens.push({ is: 'end', text: 'the end', at });
  return tokens;
}

const suffixes = 'KMGTPEZY';

/** An integer is unsigned and has 64 bits. Up to the suffix E it can have them. */
function integer(text: string, whole: string): number {
  const [, digits, suffix] = /^(\d+)([A-Z])?/.exec(text)!;
  const value = BigInt(digits!) * 1024n ** BigInt(suffix ? suffixes.indexOf(suffix) + 1 : 0);
  if (value >= 1n << 64n) throw fault(whole, `${text} is more than 64 bits hold`);
  return Number(value);
}

class Parser<Line> {
  private readonly text: string;
  private readonly columns: Readonly<Record<string, FilterColumn<Line>>>;
  private readonly tokens: Token[];
  private next = 0;

  constructor(text: string, columns: Readonly<Record<string, FilterColumn<Line>>>) {
    this.text = text;
    this.columns = columns;
    this.tokens = scan(text);
  }

  whole(): Node<Line> {
    const node = this.or();
    if (this.token.is !== 'end') throw this.unexpected('an operator such as == or and');
    return node;
  }

  private get token(): Token {
    return this.tokens[this.next]!;
  }

  private take(...operators: readonly string[]): string | undefined {
    const { is, text } = this.token;
    if (is !== 'operator' || !operators.includes(text)) return undefined;
    this.next++;
    return text;
  }

  private unexpected(wanted: string): UsageError {
    const { is, text } = this.token;
    return fault(this.text, `${is === 'end' ? text : `"${text}"`} stands where ${wanted} belongs`);
  }

  private or(): Node<Line> {
    let left = this.and();
    while (this.take('||')) left = { is: 'or', left, right: this.and() };
    return left;
  }

  private and(): Node<Line> {
    let left = this.not();
    while (this.take('&&')) left = { is: 'and', left, right: this.not() };
    return left;
  }

  private not(): Node<Line> {
    return this.take('!') ? { is: 'not', of: this.not() } : this.comparison();
  }

  private comparison(): Node<Line> {
    let left = this.param();
    for (;;) {
      const by = this.take('==', '!=', '<=', '<', '>=', '>');
      if (by) {
        left = { is: 'compare', by: by as Comparison, left, right: this.param() };
        continue;
      }
      const match = this.take('=~', '!~');
      if (!match) return left;
      left = { is: 'match', not: match === '!~', left, pattern: this.pattern() };
    }
  }

  private pattern(): RegExp {
    const { is, text } = this.token;
    if (is !== 'string') throw this.unexpected('a regular expression in quotes');
    this.next++;
    try {
      return posixRegExp(text.slice(1, -1));
    } catch (error) {
      throw fault(this.text, `the regular expression ${text}: ${(error as Error).message}`);
    }
  }

  private param(): Node<Line> {
    if (this.take('(')) {
      const inside = this.or();
      if (!this.take(')')) throw this.unexpected('")"');
      return inside;
    }
    const { is, text } = this.token;
    if (is === 'operator' || is === 'end') throw this.unexpected('a column, a number or a text in quotes');
    this.next++;
    if (is === 'string') return constant('string', text.slice(1, -1).trim());
    if (is === 'float') return constant('float', Number(text));
    if (is === 'number') return constant('number', integer(text, this.text));
    if (/^(true|TRUE|false|FALSE)$/.test(text)) return constant('boolean', text.toLowerCase() === 'true');
    const name = text.toUpperCase();
    if (!Object.hasOwn(this.columns, name))
      throw fault(
        this.text,
        `there is no column ${text}; there are ${Object.keys(this.columns).join(', ')}, and a text stands in quotes`,
      );
    const column = this.columns[name]!;
    return {
      is: 'param',
      type: column.number ? 'number' : 'string',
      fixed: false,
      value: (line) => column.cell(line),
    };
  }
}

const constant = <Line>(type: Type, value: Value): Node<Line> => ({
  is: 'param',
  type,
  fixed: true,
  value: () => value,
});

/** The test that the text describes. Throws a `UsageError` that says what does not parse. */
export function parseFilter<Line>(
  text: string,
  columns: Readonly<Record<string, FilterColumn<Line>>>,
): (line: Line) => boolean {
  if (text.trim() === '') return () => true;
  const node = new Parser(text, columns).whole();
  return (line) => holds(node, line);
}

function holds<Line>(node: Node<Line>, line: Line): boolean {
  switch (node.is) {
    case 'param': {
      const value = node.value(line);
      return node.type === 'string' ? value !== null && value !== '' : Boolean(value);
    }
    case 'and':
      return holds(node.left, line) && holds(node.right, line);
    case 'or':
      return holds(node.left, line) || holds(node.right, line);
    case 'not':
      return !holds(node.of, line);
    case 'match':
      return node.pattern.test(cast(result(node.left, line), 'string') as string) !== node.not;
    case 'compare':
      return compare(node, line);
  }
}

const result = <Line>(node: Node<Line>, line: Line): Value =>
  node.is === 'param' ? node.value(line) : holds(node, line);

const typeOf = <Line>(node: Node<Line>): { type: Type; fixed: boolean } =>
  node.is === 'param' ? node : { type: 'boolean', fixed: false };

/**
 * Both sides as one type: that of the constant, where only one side is one; of two others
 * the wider. What cannot be had as this type is not a value, and nothing compares with it.
 */
function compare<Line>(
  { by, left, right }: { by: Comparison; left: Node<Line>; right: Node<Line> },
  line: Line,
): boolean {
  const type = common(typeOf(left), typeOf(right));
  const a = cast(result(left, line), type);
  const b = cast(result(right, line), type);
  if (a === null || b === null) return false;
  switch (by) {
    case '==':
      return a === b;
    case '!=':
      return a !== b;
    case '<=':
      return a <= b;
    case '<':
      return a < b;
    case '>=':
      return a >= b;
    case '>':
      return a > b;
  }
}

const width: readonly Type[] = ['boolean', 'number', 'float', 'string'];

function common(left: { type: Type; fixed: boolean }, right: { type: Type; fixed: boolean }): Type {
  const types = [left.type, right.type];
  // Of a number and a float the float, whichever is the constant.
  if (types.includes('float') && types.includes('number')) return 'float';
  if (left.fixed !== right.fixed) return left.fixed ? left.type : right.type;
  return width[Math.max(...types.map((type) => width.indexOf(type)))]!;
}

/** Null where it is no such value; an empty cell is an empty text. */
function cast(value: Value, type: Type): Value {
  if (type === 'string') return value === null ? '' : String(value);
  if (value === null) return null;
  if (type === 'boolean') return typeof value === 'string' ? /^(1|y|yes|true)$/i.test(value) : Boolean(value);
  if (typeof value === 'string') return /^\d+(\.\d+)?$/.test(value) ? Number(value) : null;
  return Number(value);
}
