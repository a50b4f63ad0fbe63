/** Signatures of D-Bus: which types there are, and how they nest (D-Bus Specification 0.43, "Type System"). */

/** What a type's value is aligned to in a message, in bytes ("Summary of D-Bus marshalling"). */
const alignments: Readonly<Record<string, number>> = {
  y: 1,
  b: 4,
  n: 2,
  q: 2,
  i: 4,
  u: 4,
  x: 8,
  t: 8,
  d: 8,
  s: 4,
  o: 4,
  g: 1,
  a: 4,
  '(': 8,
  v: 1,
  '{': 8,
  h: 4,
};

/** The alignment of a complete type, in bytes. */
export function alignmentOf(type: string): number {
  const alignment = alignments[type[0] ?? ''];
  if (alignment === undefined) throw new WireError(`it has no type ${JSON.stringify(type)}`);
  return alignment;
}

/** What came is not what the D-Bus specification draws. */
export class WireError extends Error {
  override name = 'WireError';
}

/** "Valid Signatures": so deep at most, arrays and structs each. */
const DEEPEST = 32;

/** All complete types of a signature, one after the other. Throws a `WireError`. */
export function typesOf(signature: string): string[] {
  const types: string[] = [];
  for (let at = 0; at < signature.length; ) {
    const end = endOfType(signature, at, 0, 0);
    types.push(signature.slice(at, end));
    at = end;
  }
  return types;
}

/** Where the complete type that begins at `at` ends. */
function endOfType(signature: string, at: number, arrays: number, structs: number): number {
  const letter = signature[at];
  if (letter === undefined || !Object.hasOwn(alignments, letter) || arrays > DEEPEST || structs > DEEPEST)
    throw new WireError(`"${signature}" is not a signature`);
  if (letter === 'a') return endOfType(signature, at + 1, arrays + 1, structs);
  if (letter !== '(' && letter !== '{') return at + 1;
  const close = letter === '(' ? ')' : '}';
  let next = at + 1;
  while (signature[next] !== close) next = endOfType(signature, next, arrays, structs + 1);
  if (next === at + 1) throw new WireError(`"${signature}" is not a signature`);
  return next + 1;
}
