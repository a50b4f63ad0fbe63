/**
 * GVariant's text format, in which annotations word the values of properties (GLib's manual, "GVariant Text Format"): what
 * godbus, and so runc, reads of it, and tuples. Numbers of 64 bits come out as decimal text, so that it all is JSON.
 */

/** A value and its D-Bus signature. */
export type Typed = readonly [signature: string, value: unknown];

const keywords: Readonly<Record<string, string>> = {
  boolean: 'b',
  byte: 'y',
  int16: 'n',
  uint16: 'q',
  int32: 'i',
  uint32: 'u',
  int64: 'x',
  uint64: 't',
  double: 'd',
  string: 's',
  objectpath: 'o',
  signature: 'g',
};

const ranges: Readonly<Record<string, readonly [bigint, bigint]>> = {
  y: [0n, 255n],
  n: [-(1n << 15n), (1n << 15n) - 1n],
  q: [0n, (1n << 16n) - 1n],
  i: [-(1n << 31n), (1n << 31n) - 1n],
  u: [0n, (1n << 32n) - 1n],
  x: [-(1n << 63n), (1n << 63n) - 1n],
  t: [0n, (1n << 64n) - 1n],
};

const escapes: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};

/** Read one value. Throws an `Error` that says what is wrong. */
export function parseVariant(text: string): Typed {
  const parser = new Parser(text);
  const typed = parser.value(undefined);
  parser.end();
  return typed;
}

class Parser {
  private readonly tokens: string[];
  private at = 0;

  constructor(text: string) {
    const found = text.matchAll(
      /\s*(b?'(?:[^'\\]|\\.)*'|b?"(?:[^"\\]|\\.)*"|@[\w(){}]+|[[\](){}<>,:]|[^\s[\](){}<>,:'"@]+|$)/gsy,
    );
    let read = 0;
    this.tokens = [...found].map(([whole, token]) => {
      read += whole.length;
      return token!;
    });
    if (read < text.length) throw new Error(`${text.slice(read).trim()} is not understood`);
  }

  private peek = (): string => this.tokens[this.at] ?? '';

  private next(): string {
    const token = this.peek();
    if (token === '') throw new Error('it ends too early');
    this.at++;
    return token;
  }

  private expect(token: string): void {
    const found = this.next();
    if (found !== token) throw new Error(`${token} is wanted where ${found} is`);
  }

  end(): void {
    if (this.peek() !== '') throw new Error(`${this.peek()} follows the value`);
  }

  /** `type`: what it is to be, where something before it says so. */
  value(type: string | undefined): Typed {
    const token = this.next();
    if (token.startsWith('@')) return this.value(agreed(type, token.slice(1)));
    if (Object.hasOwn(keywords, token)) return this.value(agreed(type, keywords[token]!));
    if (token === '[') return this.array(type);
    if (token === '(') return this.tuple(type);
    if (token === '{') return this.dictionary(type);
    if (token === '<') return this.variant(type);
    if (token === 'true' || token === 'false') return [agreed(type, 'b'), token === 'true'];
    if (/^b['"]/.test(token)) return [agreed(type, 'ay'), bytesOf(unquoted(token.slice(1)))];
    if (/^['"]/.test(token)) return [oneOf(type, 'sog', token), unquoted(token)];
    return numberOf(token, type);
  }

  private array(type: string | undefined): Typed {
    let element = type === undefined ? undefined : inside(type, 'a', '');
    const values: unknown[] = [];
    this.list(']', () => {
      const [found, value] = this.value(element);
      element = found;
      values.push(value);
    });
    if (element === undefined) throw new Error('an empty array needs its type before it: @as []');
    return [`a${element}`, values];
  }

  private tuple(type: string | undefined): Typed {
    const members: Typed[] = [];
    this.list(')', () => members.push(this.value(undefined)));
    const found = `(${members.map(([signature]) => signature).join('')})`;
    return [agreed(type, found), members.map(([, value]) => value)];
  }

  private dictionary(type: string | undefined): Typed {
    const entry = type === undefined ? undefined : inside(type, 'a{', '}');
    let [key, value] = entry === undefined ? [] : [entry[0], entry.slice(1)];
    const values: unknown[] = [];
    this.list('}', () => {
      const left = this.value(key);
      this.expect(':');
      const right = this.value(value);
      [key, value] = [left[0], right[0]];
      values.push([left[1], right[1]]);
    });
    if (key === undefined) throw new Error('an empty dictionary needs its type before it: @a{sv} {}');
    return [`a{${key}${value}}`, values];
  }

  private variant(type: string | undefined): Typed {
    const inner = this.value(undefined);
    this.expect('>');
    return [agreed(type, 'v'), inner];
  }

  /** Values with commas between, up to `close`. */
  private list(close: string, item: () => void): void {
    while (this.peek() !== close) {
      item();
      if (this.peek() !== close) this.expect(',');
    }
    this.next();
  }
}

function agreed(wanted: string | undefined, found: string): string {
  if (wanted !== undefined && wanted !== found)
    throw new Error(`a value of type ${wanted} is wanted, and this is ${found}`);
  return found;
}

function oneOf(wanted: string | undefined, types: string, token: string): string {
  if (wanted === undefined) return types[0]!;
  if (wanted.length !== 1 || !types.includes(wanted)) throw new Error(`${token} is not of type ${wanted}`);
  return wanted;
}

function inside(type: string, open: string, close: string): string {
  if (!type.startsWith(open) || !type.endsWith(close)) throw new Error(`a value of type ${type} is wanted`);
  return type.slice(open.length, type.length - close.length);
}

function numberOf(token: string, type: string | undefined): Typed {
  const whole = /^[+-]?(?:0[xX][\da-fA-F]+|\d+)$/.test(token);
  if (type === 'd' || (type === undefined && !whole)) {
    const number = Number(token);
    if (!Number.isFinite(number)) throw new Error(`${token} is not understood`);
    return ['d', number];
  }
  if (!whole) throw new Error(`${token} is not a whole number`);
  const kind = oneOf(type, 'iynquxt', token);
  const negative = token.startsWith('-');
  const digits = token.replace(/^[+-]/, '');
  // A 0 before a number makes it octal, as in C.
  const magnitude = BigInt(/^0\d/.test(digits) ? `0o${digits}` : digits);
  const number = negative ? -magnitude : magnitude;
  const [least, most] = ranges[kind]!;
  if (number < least || number > most) throw new Error(`${token} is beyond what ${kind} holds`);
  return [kind, kind === 'x' || kind === 't' ? String(number) : Number(number)];
}

function unquoted(token: string): string {
  return token.slice(1, -1).replace(/\\(u[\da-fA-F]{4}|U[\da-fA-F]{8}|.)/gs, (_, code: string) => {
    if (code.length > 1) return String.fromCodePoint(Number.parseInt(code.slice(1), 16));
    return escapes[code] ?? code;
  });
}

/** A byte string ends with a NUL, as in C. */
const bytesOf = (text: string): number[] => [...[...text].map((c) => c.charCodeAt(0) & 0xff), 0];
