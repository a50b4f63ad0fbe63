/**
 * POSIX extended regular expressions, as regcomp(3) with REG_EXTENDED takes them and GNU's libc
 * reads them (regex(7)), said in JavaScript's own. What matches at all is the same; which of
 * several matches is found is not asked.
 */

const classes: Readonly<Record<string, string>> = {
  alnum: '\\p{L}\\p{N}',
  alpha: '\\p{L}',
  blank: ' \\t',
  cntrl: '\\p{Cc}',
  digit: '0-9',
  graph: '\\p{L}\\p{N}\\p{P}\\p{S}',
  lower: '\\p{Ll}',
  print: '\\p{L}\\p{N}\\p{P}\\p{S} ',
  punct: '\\p{P}\\p{S}',
  space: '\\s',
  upper: '\\p{Lu}',
  xdigit: '0-9A-Fa-f',
};

/** GNU's escapes; any other escaped character is itself. */
const escapes: Readonly<Record<string, string>> = {
  ...Object.fromEntries([...'wWsSbB123456789'].map((c) => [c, `\\${c}`])),
  '<': '\\b(?=\\w)',
  '>': '\\b(?<=\\w)',
  '`': '^',
  "'": '$',
};

const literal = (c: string): string => (/[\^$\\.*+?()[\]{}|/]/.test(c) ? `\\${c}` : c);
const inClass = (c: string): string => (/[\^\\\]\-[]/.test(c) ? `\\${c}` : c);

/** Throws an `Error` that says what is wrong with it. */
export function posixRegExp(source: string): RegExp {
  let out = '';
  /** Where in `out` the last thing begins that may be repeated; nothing after `(`, `|` and the beginning. */
  let atom = -1;
  const groups: number[] = [];
  let at = 0;
  const add = (text: string): void => {
    atom = out.length;
    out += text;
  };
  const repeat = (text: string): void => {
    // a+? is (a+)? here, and no lazy quantifier.
    out = `${out.slice(0, atom)}(?:${out.slice(atom)})${text}`;
  };
  while (at < source.length) {
    const c = String.fromCodePoint(source.codePointAt(at)!);
    at += c.length;
    if (c === '(') {
      groups.push(out.length);
      out += '(';
      atom = -1;
    } else if (c === ')' && groups.length > 0) {
      atom = groups.pop()!;
      out += ')';
    } else if (c === '|') {
      out += '|';
      atom = -1;
    } else if (c === '^' || c === '$') {
      add(c);
    } else if (c === '.') {
      add('.');
    } else if (c === '[') {
      const end = bracketEnd(source, at);
      add(bracket(source.slice(at, end)));
      at = end + 1;
    } else if (c === '\\') {
      const next = source[at++];
      if (next === undefined) throw new Error('it ends with a backslash');
      add(escapes[next] ?? literal(next));
    } else if (/[*+?]/.test(c) && atom >= 0) {
      repeat(c);
    } else if (c === '{' && atom >= 0) {
      const [whole, least, comma, most] = /^(\d*)(,?)(\d*)\}/.exec(source.slice(at)) ?? [];
      if (whole === undefined || (least === '' && most === ''))
        throw new Error(`no numbers after "{" as in {1,3}`);
      at += whole.length;
      repeat(`{${least || 0}${comma}${most}}`);
    } else if (/[+?]/.test(c)) {
      throw new Error(`nothing before "${c}" to be repeated`);
    } else add(literal(c));
  }
  if (groups.length > 0) throw new Error('a "(" is never closed');
  return new RegExp(out, 'su');
}

/** Where the bracket expression ends that begins before `at`: a `]` that comes first is one of its characters. */
function bracketEnd(source: string, at: number): number {
  let end = source[at] === '^' ? at + 1 : at;
  if (source[end] === ']') end++;
  for (; end < source.length; end++) {
    if (source[end] === ']') return end;
    const kind = source[end] === '[' ? source[end + 1] : undefined;
    if (kind === ':' || kind === '.' || kind === '=') {
      const close = source.indexOf(`${kind}]`, end + 2);
      if (close >= 0) end = close + 1;
    }
  }
  throw new Error('a "[" is never closed');
}

function bracket(inside: string): string {
  const not = inside.startsWith('^');
  let out = '';
  for (let rest = inside.slice(not ? 1 : 0); rest !== ''; ) {
    const named = /^\[:(\w+):\]/.exec(rest);
    const single = /^\[([.=])(.)\1\]/u.exec(rest);
    const range = /^(.)-(.)/u.exec(rest);
    if (named) {
      const set = classes[named[1]!];
      if (set === undefined) throw new Error(`there is no class [:${named[1]}:]`);
      out += set;
      rest = rest.slice(named[0].length);
    } else if (single) {
      out += inClass(single[2]!);
      rest = rest.slice(single[0].length);
    } else if (range && range[1] !== '[') {
      if (range[1]! > range[2]!) throw new Error(`the range ${range[0]} ends before it begins`);
      out += `${inClass(range[1]!)}-${inClass(range[2]!)}`;
      rest = rest.slice(range[0].length);
    } else {
      const c = String.fromCodePoint(rest.codePointAt(0)!);
      out += inClass(c);
      rest = rest.slice(c.length);
    }
  }
  return `[${not ? '^' : ''}${out}]`;
}
