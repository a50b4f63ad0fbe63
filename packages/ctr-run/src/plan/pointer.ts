/** Members of a config.json by their path, and where they stand in its text. */
export type Pointer = readonly (string | number)[];

/** `linux.namespaces[3].type` */
export const spelled = (pointer: Pointer): string =>
  pointer.map((part, i) => (typeof part === 'number' ? `[${part}]` : `${i > 0 ? '.' : ''}${part}`)).join('');

export function valueAt(value: unknown, pointer: Pointer): unknown {
  return pointer.reduce<unknown>((at, part) => (at as Record<string | number, unknown>)[part], value);
}

/** A copy without that member, or with another value in its place. What lies beside the path is not copied. */
export function changed<T>(value: T, pointer: Pointer, other?: { value: unknown }): T {
  const [part, ...rest] = pointer;
  const copy: Record<string | number, unknown> = (Array.isArray(value) ? [...value] : { ...value }) as never;
  if (rest.length > 0) copy[part!] = changed(copy[part!], rest, other);
  else if (other) copy[part!] = other.value;
  else if (Array.isArray(copy)) copy.splice(part as number, 1);
  else delete copy[part!];
  return copy as T;
}

/** The members of an object or a list, each by its path. */
export function membersOf(value: unknown, pointer: Pointer): Pointer[] {
  if (typeof value !== 'object' || value === null) return [];
  const keys = Array.isArray(value) ? value.map((_, i) => i) : Object.keys(value);
  return keys.map((key) => [...pointer, key]);
}

const token = /\s*(?:([{}[\],:])|("(?:[^"\\]|\\.)*")|[^\s{}[\],:"]+)/gy;

/** The line, from 1, at which a member of a JSON text begins (an object's with its name); undefined where there is none. */
export function lineOf(text: string, pointer: Pointer): number | undefined {
  // What is open: an object with the last name seen, or a list with the number of its element.
  const open: (string | number | undefined)[] = [];
  let name: { text: string; at: number } | undefined;
  let expectsName = false;
  const isIt = (): boolean => open.length === pointer.length && open.every((part, i) => part === pointer[i]);
  const lineAt = (at: number): number => text.slice(0, at).split('\n').length;
  token.lastIndex = 0;
  for (let found = token.exec(text); found; found = token.exec(text)) {
    const [whole, sign, string] = found;
    const at = found.index + whole.length - whole.trimStart().length;
    if (expectsName && string !== undefined) {
      name = { text: JSON.parse(string) as string, at };
      open[open.length - 1] = name.text;
      expectsName = false;
      if (isIt()) return lineAt(at);
    } else if (sign === '}' || sign === ']') {
      open.pop();
      expectsName = false;
    } else if (sign === ',') {
      const last = open.at(-1);
      if (typeof last === 'number') open[open.length - 1] = last + 1;
      else expectsName = true;
    } else if (sign !== ':') {
      if (typeof open.at(-1) === 'number' && isIt()) return lineAt(at);
      if (sign === '{') open.push(undefined);
      else if (sign === '[') open.push(0);
      expectsName = sign === '{';
    }
  }
  return undefined;
}
