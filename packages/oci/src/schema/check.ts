/**
 * Small combinators that check a parsed document against a declaration of its shape. A
 * `Check<T>` accepts what a `T` is, so the compiler holds the declarations to the types:
 * a property added to a type and not declared, or declared otherwise, does not compile.
 */
import { nearest } from '../words.ts';

export interface Problem {
  /** `linux.resources.memory.limit`, `mounts[2].options[0]` */
  path: string;
  /** What was found and what is allowed. */
  message: string;
}

export interface Warning extends Problem {
  /** Whether a person is told unasked: something was written, and is read as something else or not at all. */
  told: boolean;
}

export class Context {
  readonly problems: Problem[] = [];
  readonly warnings: Warning[] = [];
  readonly path: (string | number)[] = [];
  /** Whether properties that have to be there are missed. Off for a document still in the making. */
  readonly complete: boolean;

  constructor(complete: boolean) {
    this.complete = complete;
  }

  where(...more: (string | number)[]): string {
    return pathText([...this.path, ...more]);
  }

  found(value: unknown, allowed: string): void {
    this.problems.push({ path: this.where(), message: `found ${describe(value)}, allowed is ${allowed}` });
  }
}

export interface Check<T> {
  (value: unknown, context: Context): void;
  /** Only for the compiler: makes `Check<number>` and `Check<string>` different types. */
  readonly accepts?: (value: T) => T;
}

/** `a.b[0]["odd key"]`; the document itself is `the document`. */
export function pathText(path: readonly (string | number)[]): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else if (/^[\w-]+$/.test(part)) text += text === '' ? part : `.${part}`;
    else text += `[${JSON.stringify(part)}]`;
  }
  return text || 'the document';
}

/** A value in words: `the string "512M"`. */
export function describe(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty array' : `an array of ${value.length}`;
  if (typeof value === 'object') return 'an object';
  if (typeof value === 'string') {
    if (value === '') return 'an empty string';
    return `the string ${JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}...` : value)}`;
  }
  if (typeof value === 'boolean') return String(value);
  return `the number ${String(value)}`;
}

export const boolean: Check<boolean> = (value, context) => {
  if (typeof value !== 'boolean') context.found(value, 'true or false');
};

/** A string that can be given to the kernel: without a NUL byte. `allowed` says what it stands for. */
export function text(allowed = 'a string', test?: RegExp): Check<string> {
  return (value, context) => {
    if (typeof value !== 'string' || (test && !test.test(value))) context.found(value, allowed);
    else if (value.includes('\0')) context.found(value, `${allowed} without a NUL character`);
  };
}

export const string: Check<string> = text();

/** An integer between two bounds, both allowed. */
function between(min: bigint, max: bigint, allowed: string): (value: unknown, context: Context) => void {
  const low = Number(min);
  const high = Number(max);
  return (value, context) => {
    if (Number.isSafeInteger(value)) {
      if ((value as number) < low || (value as number) > high) context.found(value, allowed);
    } else if (typeof value !== 'bigint' || value < min || value > max) context.found(value, allowed);
  };
}

export const int64 = between(-(2n ** 63n), 2n ** 63n - 1n, 'a 64-bit integer') as Check<number | bigint>;
export const uint64 = between(0n, 2n ** 64n - 1n, 'an unsigned 64-bit integer') as Check<number | bigint>;
export const uint32: Check<number> = between(
  0n,
  2n ** 32n - 1n,
  'an unsigned 32-bit integer (0 to 4294967295)',
);
export const uint16: Check<number> = between(0n, 65535n, 'an integer from 0 to 65535');

export function integer(min: number, max: number): Check<number> {
  return between(BigInt(min), BigInt(max), `an integer from ${min} to ${max}`);
}

/** One of a list of words. */
export function oneOf<const T extends string>(words: readonly T[]): Check<T> {
  const known = new Set<unknown>(words);
  return (value, context) => {
    if (known.has(value)) return;
    const guess = typeof value === 'string' ? nearest(value, words) : undefined;
    const list = words.join(', ');
    context.found(value, guess ? `one of ${list}; ${guess} was probably meant` : `one of ${list}`);
  };
}

export function array<T>(item: Check<T>, allowed = 'an array'): Check<T[]> {
  return (value, context) => {
    if (!Array.isArray(value)) return context.found(value, allowed);
    const depth = context.path.length;
    for (let i = 0; i < value.length; i++) {
      context.path[depth] = i;
      item(value[i], context);
    }
    context.path.length = depth;
  };
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** An object used as a map; the keys are free. */
export function record<T>(item: Check<T>): Check<Record<string, T>> {
  return (value, context) => {
    if (!isObject(value)) return context.found(value, 'an object');
    for (const key of Object.keys(value)) {
      context.path.push(key);
      item(value[key], context);
      context.path.pop();
    }
  };
}

type Properties<T> = { [K in keyof T]-?: Check<NonNullable<T[K]>> };
type RequiredKeys<T> = { [K in keyof T]-?: undefined extends T[K] ? never : K }[keyof T] & string;

/** How a name is compared where case does not count: as Go's encoding/json folds it, whose Kelvin sign is a k and long s an s. */
const fold = (name: string): string => name.toLowerCase().replaceAll('\u017f', 's');

/**
 * An object of declared properties. Unknown ones are not a problem (config.md, Extensibility: they MUST be
 * ignored) but a warning, of which a person is told where `tellsUnknown` says so. Two things are as in Go's encoding/json, by which most programs that write and read these
 * documents do it: a property that is null counts as absent and is removed, and a name that differs from a
 * declared one in case alone is taken for it and renamed, with a warning. Of properties that programs leave out where they
 * mean 0, `absent` says what is then put there.
 */
export function object<T extends object>(
  properties: Properties<T>,
  required: readonly RequiredKeys<T>[] = [],
  { tellsUnknown = false, absent }: { tellsUnknown?: boolean; absent?: Partial<T> } = {},
): Check<T> {
  const checks = new Map(Object.entries(properties) as [string, Check<unknown>][]);
  const names = [...checks.keys()];
  const byFold = new Map(names.map((name) => [fold(name), name]));
  return (value, context) => {
    if (!isObject(value)) return context.found(value, 'an object');
    const written = Object.keys(value);
    for (const key of written) {
      const name = checks.has(key) ? key : byFold.get(fold(key));
      if (name === undefined) {
        unknown(key, names, context, tellsUnknown);
        continue;
      }
      if (name !== key && (written.includes(name) || Object.hasOwn(value, name))) {
        // Go reads both, one over the other; libocispec of crun only the exact one.
        context.problems.push({
          path: context.where(key),
          message: `is there as ${name} too; programs differ in which of the two counts`,
        });
        continue;
      }
      if (name !== key) rename(value, key, name, context);
      if (value[name] === null || value[name] === undefined) {
        delete value[name];
        continue;
      }
      context.path.push(name);
      checks.get(name)!(value[name], context);
      context.path.pop();
    }
    if (!context.complete) return;
    for (const [key, meant] of Object.entries(absent ?? {})) value[key] ??= meant;
    for (const key of required)
      if (value[key] === undefined)
        context.problems.push({ path: context.where(key), message: 'is missing' });
  };
}

function rename(value: Record<string, unknown>, from: string, to: string, context: Context): void {
  value[to] = value[from];
  delete value[from];
  context.warnings.push({ path: context.where(from), message: `is read as ${to}`, told: true });
}

function unknown(key: string, known: readonly string[], context: Context, tells: boolean): void {
  const guess = nearest(key, known);
  const message = `unknown property, ignored${guess ? `; ${guess} was probably meant` : ''}`;
  context.warnings.push({ path: context.where(key), message, told: tells });
}

/** Accepts anything. */
export const anything: Check<NonNullable<unknown>> = () => {};
