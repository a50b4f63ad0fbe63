/** What `--show` tells of a group, and how that is read from its files. */
import { join, readText } from '@ctr-tools/host';

/** One of a target's directories, with the controllers whose files are in it. */
export interface Place {
  version: 1 | 2;
  controllers: readonly string[];
  directory: string;
  mountPoint: string;
}

export interface Target {
  /** As a person calls it: `web`, `process 12`, `/a/b`. */
  name: string;
  places: readonly Place[];
}

export interface Line {
  /** `memory`, `swap`, `cpu`, `pids`, `io 8:0 read`, `hugetlb 2MB` … */
  name: string;
  unit: 'bytes' | 'count' | 'cpus' | 'rate' | 'text';
  /** `max` for none; a text where it is not a number. */
  limit?: number | string;
  use?: number;
  peak?: number;
  /** Share of the last ten seconds in which some of its processes waited for this (accounting/psi.rst). */
  pressure?: number;
  /** How often what happened: `oom_kill`, `max`, `throttled`. */
  counts?: Record<string, number>;
}

/** The place with a controller's files, v1 before v2. */
export const placeOf = (target: Target, controller: string): Place | undefined =>
  target.places.find((p) => p.controllers.includes(controller)) ??
  (controller === 'unified' ? target.places.find((p) => p.version === 2) : undefined);

/** A file of a group without blanks around its text; undefined where there is no group or no such file. */
export function readIn(place: Place | undefined, file: string): string | undefined {
  if (!place) return undefined;
  try {
    return readText(join(place.directory, file)).trim();
  } catch {
    return undefined;
  }
}

/** v1 says "no limit" as the largest number of whole pages. */
const V1_UNLIMITED = 2 ** 62;

export function number(place: Place | undefined, file: string): number | undefined {
  const text = readIn(place, file);
  return text !== undefined && /^\d+/.test(text) ? Number(text.split(' ')[0]) : undefined;
}

export function limit(place: Place | undefined, file: string): number | 'max' | undefined {
  const text = readIn(place, file);
  if (text === undefined) return undefined;
  return text === 'max' || text === '-1' || Number(text) >= V1_UNLIMITED ? 'max' : Number(text);
}

/** `name value` lines. */
export function table(place: Place | undefined, file: string): Record<string, number> {
  return Object.fromEntries(
    rows(readIn(place, file))
      .filter((words) => words.length === 2)
      .map(([name, value]) => [name!, Number(value)]),
  );
}

/** A file's lines as their words. */
export const rows = (text: string | undefined): string[][] =>
  (text ?? '')
    .split('\n')
    .filter(Boolean)
    .map((row) => row.split(' '));

export function pressure(target: Target, what: string): number | undefined {
  const found = /^some avg10=([\d.]+)/.exec(readIn(placeOf(target, 'unified'), `${what}.pressure`) ?? '');
  return found ? Number(found[1]) / 100 : undefined;
}

/** Those of the counts that are not 0. */
export const only = (counts: Record<string, number>, names: readonly string[]): Record<string, number> =>
  Object.fromEntries(names.flatMap((name) => (counts[name] ? [[name, counts[name]]] : [])));

/** Drop what is not there, so that a reader of the JSON sees only facts. */
export function line(
  name: string,
  unit: Line['unit'],
  rest: { [K in keyof Line]?: Line[K] | undefined },
): Line[] {
  const facts = Object.fromEntries(
    Object.entries(rest).filter(
      ([, v]) => v !== undefined && !(typeof v === 'object' && Object.keys(v).length === 0),
    ),
  );
  return Object.keys(facts).length > 0 ? [{ name, unit, ...facts }] : [];
}

/** A limit alone. */
export const limited = (name: string, unit: Line['unit'], limit: number | string): Line => ({
  name,
  unit,
  limit,
});

/** A number where it is another than `usual`; `max` and v1's largest are none. */
export function amount(name: string, unit: Line['unit'], text: string | undefined, usual = 0): Line[] {
  if (text === undefined || !/^\d+$/.test(text)) return [];
  const value = Number(text);
  return value === usual || value >= V1_UNLIMITED ? [] : [limited(name, unit, value)];
}

/** A switch that is on. */
export const on = (name: string, text: string | undefined, says = 'on'): Line[] =>
  text === '1' ? [limited(name, 'text', says)] : [];
