/** Writing several cgroup files, all or none: what was written is put back when one is refused. */

import { writeFileSync } from 'node:fs';
import { getSystemErrorMap } from 'node:util';
import { Failure } from '@ctr-tools/cli';
import { readText, type SystemError } from '@ctr-tools/host';
import { type AnyStep, step, undo } from '@ctr-tools/plan';

interface Write {
  path: string;
  value: string;
}

export interface Change extends Write {
  /** "set the memory limit of /x to 64 MiB" */
  doing: string;
  hints?: Record<string, string>;
  unless?: readonly string[];
  saysInvalid?: boolean;
  /** What puts the file back; absent: what it held before. */
  before?: string;
  /** What takes it back where that is another file's to do, in order. */
  back?: readonly Write[];
}

/** How a change is taken back, as long as it has not been made; nothing where it cannot be. */
function undoing({ path, before = held(path), back }: Change): readonly Write[] {
  return back ?? (before === undefined ? [] : [{ path, value: before }]);
}

/** Carry the changes out in order. Throws a `Failure` for the first that is refused, after putting the others back. */
export function changeAll(changes: readonly Change[]): void {
  const done: (readonly Write[])[] = [];
  for (const change of changes) {
    const back = undoing(change);
    const code = write(change) ?? (change.saysInvalid ? refusedIn(change) : undefined);
    // It stands in the file all the same.
    if (code !== undefined && change.saysInvalid) for (const one of back) write(one);
    if (code === undefined) {
      done.unshift(back);
      continue;
    }
    if (change.unless?.includes(code)) continue;
    // Backwards, as some files only take values that fit the others.
    const stuck = done
      .flat()
      .filter((one) => write(one) !== undefined)
      .map(({ path }) => path);
    const hint = change.hints?.[code] ?? change.hints?.else;
    const words = `${change.doing}: ${spelled(code)}${hint ? `; ${hint}` : ''}`;
    throw new Failure(
      stuck.length > 0
        ? `${words} (and could not be put back: ${stuck.join(', ')})`
        : `${words}; nothing was changed`,
    );
  }
}

/**
 * The same as steps of a plan, which the launcher takes back when one after them fails. Not for
 * changes that take more than one file to take back.
 */
export const changeSteps = (changes: readonly Change[]): AnyStep[] =>
  changes.map((change) => {
    const { path, value, doing, hints, unless } = change;
    const [back] = undoing(change);
    const made = step('cgroup', 'write', { path, data: value }, doing, {
      side: 'host',
      ...(hints && { hints }),
      ...(unless && { unless }),
      ...(back && {
        undo: undo('failure', 'write', { path: back.path, data: back.value }, `put ${back.path} back`),
      }),
    });
    return changingNothing(made);
  });

/** A step after whose failure all is as it was, which its words say. */
export function changingNothing(made: AnyStep): AnyStep {
  const { hints = {} } = made.words;
  const said = Object.entries(hints).map(([code, hint]) => [code, `${hint}; nothing was changed`]);
  return {
    ...made,
    words: { ...made.words, hints: { else: 'nothing was changed', ...Object.fromEntries(said) } },
  };
}

/** What a file holds in the form in which it can be written again. */
function held(path: string): string | undefined {
  try {
    const text = readText(path).trim();
    // cpu.cfs_quota_us says -1, memory.limit_in_bytes a huge number; both take them back. Tables do not.
    return text.includes('\n') ? undefined : text;
  } catch {
    return undefined;
  }
}

/** The errno's name, or undefined. */
function write({ path, value }: Write): string | undefined {
  try {
    writeFileSync(path, value, { flag: 'r+' });
    return undefined;
  } catch (error) {
    const { code = 'EIO' } = error as SystemError;
    // One number on Linux, which Node calls by its other name.
    return code === 'ENOTSUP' ? 'EOPNOTSUPP' : code;
  }
}

/** What the file says instead of what was written. */
function refusedIn({ path, value }: Write): string | undefined {
  const says = held(path);
  return says === value ? undefined : says;
}

function spelled(code: string): string {
  if (code === 'EOPNOTSUPP') return 'operation not supported';
  for (const [name, words] of getSystemErrorMap().values()) if (name === code) return words;
  return code;
}
