import { defaultSpec } from '../src/runtime/defaults.ts';

export type Path = readonly (string | number)[];

/** The default document with one value replaced, or removed if undefined. */
export function changed(path: Path, value: unknown): unknown {
  const spec = defaultSpec() as unknown as Record<string | number, unknown>;
  let at = spec;
  for (const part of path.slice(0, -1)) {
    at[part] ??= {};
    at = at[part] as Record<string | number, unknown>;
  }
  at[path.at(-1)!] = value;
  if (value === undefined) delete at[path.at(-1)!];
  return spec;
}
