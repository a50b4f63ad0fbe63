/** What JSON.parse and JSON.stringify do not do: nesting and exact integers, with no help of a certain engine. */

/** Whether objects and lists of the text lie more than `most` deep in one another. */
export function nestsDeeper(text: string, most: number): boolean {
  if (!hasMore(text, most)) return false;
  let depth = 0;
  const structure = /["[\]{}]/g;
  for (let found = structure.exec(text); found; found = structure.exec(text)) {
    const [char] = found;
    if (char === '"') structure.lastIndex = endOfString(text, found.index);
    else if (char === ']' || char === '}') depth--;
    else if (++depth > most) return true;
  }
  return false;
}

/** Whether the text has more than `most` opening brackets at all, which few have. */
function hasMore(text: string, most: number): boolean {
  let count = 0;
  for (const open of '{[')
    for (let at = text.indexOf(open); at >= 0; at = text.indexOf(open, at + 1))
      if (++count > most) return true;
  return false;
}

/** The offset behind a string that begins at `start`; the text's end where it is not closed. */
function endOfString(text: string, start: number): number {
  for (let at = text.indexOf('"', start + 1); at >= 0; at = text.indexOf('"', at + 1)) {
    let before = at;
    while (text[before - 1] === '\\') before--;
    if ((at - before) % 2 === 0) return at + 1;
  }
  return text.length;
}

/**
 * The parsed value with bigints in the place of the integers that a number does not hold. `text` is
 * what it was parsed from; it is read again, with these integers as strings, only where there are any.
 */
export function exactIntegers(value: unknown, text: string): unknown {
  return holdsInexact(value) ? merged(value, JSON.parse(quotedIntegers(text))) : value;
}

const holdsInexact = (value: unknown): boolean =>
  typeof value === 'number'
    ? !(Math.abs(value) <= Number.MAX_SAFE_INTEGER)
    : typeof value === 'object' && value !== null && someChild(value, holdsInexact);

function someChild(value: object, is: (child: unknown) => boolean): boolean {
  if (Array.isArray(value)) return value.some(is);
  for (const key in value) if (is((value as Record<string, unknown>)[key])) return true;
  return false;
}

/** The text, which is JSON, with quotation marks around each integer that a number does not hold. */
function quotedIntegers(text: string): string {
  const parts: string[] = [];
  let taken = 0;
  let outside = 0; // an offset before the next integer that no string is open at
  const digits = /-?\d{16,}/g;
  for (let found = digits.exec(text); found; found = digits.exec(text)) {
    const [integer] = found;
    const { index } = found;
    for (
      let quote = text.indexOf('"', outside);
      quote >= 0 && quote < index;
      quote = text.indexOf('"', outside)
    )
      outside = endOfString(text, quote);
    const end = index + integer.length;
    if (outside > index) digits.lastIndex = outside;
    else if (!/[.eE+]/.test(text[index - 1] ?? '') && !/[.eE]/.test(text[end] ?? '')) {
      if (Number.isSafeInteger(Number(integer))) continue;
      parts.push(text.slice(taken, index), '"', integer, '"');
      taken = end;
    }
  }
  return parts.join('') + text.slice(taken);
}

/** `value` with a bigint wherever it has a number and `quoted`, the same document, has a string. */
function merged(value: unknown, quoted: unknown): unknown {
  if (typeof value === 'number') return typeof quoted === 'string' ? BigInt(quoted) : value;
  if (typeof value !== 'object' || value === null) return value;
  const children = value as Record<string, unknown>;
  for (const key of Object.keys(children))
    children[key] = merged(children[key], (quoted as Record<string, unknown>)[key]);
  return value;
}
