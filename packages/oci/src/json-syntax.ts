/**
 * Where a text stops being JSON. JSON.parse says so too, but in words that differ between
 * engines and often without a position, so a text that it refused is read again here.
 */
export interface SyntaxFault {
  /** Index into the text; its length where it ended too early. */
  offset: number;
  /** What could have stood there, with its article. */
  expected: string;
}

/** Thrown inside to leave all levels at once. */
class Fault {
  readonly fault: SyntaxFault;
  constructor(offset: number, expected: string) {
    this.fault = { offset, expected };
  }
}

const blank = /[ \t\n\r]*/y;
const number = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const literal = /true|false|null/y;
// RFC 8259: every character but the quotation mark, the backslash and the controls.
const stringRun = /[^"\\\x00-\x1f]*/y;
const escapeSequence = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;

/** The first fault of a text that is not JSON; undefined if it is (or is nested too deeply to tell). */
export function findSyntaxError(text: string): SyntaxFault | undefined {
  let at = 0;

  const take = (pattern: RegExp): boolean => {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (!match) return false;
    at += match[0].length;
    return match[0] !== '';
  };
  const skip = (char: string): boolean => {
    take(blank);
    if (text[at] !== char) return false;
    at++;
    return true;
  };

  function string(): void {
    at++;
    for (;;) {
      take(stringRun);
      if (text[at] === '"') break;
      if (at >= text.length) throw new Fault(at, 'the closing quotation mark of a string');
      if (text[at] !== '\\') throw new Fault(at, 'no raw control character inside a string, but an escape');
      if (!take(escapeSequence)) throw new Fault(at, 'a valid escape sequence');
    }
    at++;
  }

  function object(): void {
    at++;
    if (skip('}')) return;
    do {
      take(blank);
      if (text[at] !== '"') throw new Fault(at, 'a property name in double quotes');
      string();
      if (!skip(':')) throw new Fault(at, 'a colon after the property name');
      value();
    } while (skip(','));
    if (!skip('}')) throw new Fault(at, 'a comma or a closing brace');
  }

  function array(): void {
    at++;
    if (skip(']')) return;
    do value();
    while (skip(','));
    if (!skip(']')) throw new Fault(at, 'a comma or a closing bracket');
  }

  function value(): void {
    take(blank);
    if (text[at] === '{') object();
    else if (text[at] === '[') array();
    else if (text[at] === '"') string();
    else if (!take(literal) && !take(number)) throw new Fault(at, 'a JSON value');
  }

  try {
    value();
    take(blank);
    return at < text.length ? { offset: at, expected: 'the end of the document' } : undefined;
  } catch (error) {
    if (error instanceof Fault) return error.fault;
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
