/** Writing several cgroup files, all or none: what was written is put back when one is refused. */
import { readFileSync, writeFileSync } from 'node:fs';
import { getSystemErrorMap } from 'node:util';
import { Failure } from '@ctr-tools/cli';

export interface Change {
  path: string;
  value: string;
  /** "set the memory limit of /x to 64 MiB" */
  doing: string;
  hints?: Record<string, string>;
  unless?: readonly string[];
  /** What puts the file back; absent: what it held before. */
  before?: string;
}

/** Carry the changes out in order. Throws a `Failure` for the first that is refused, after putting the others back. */
export function changeAll(changes: readonly Change[]): void {
  const done: { path: string; before: string }[] = [];
  for (const change of changes) {
    const before = change.before ?? held(change.path);
    const code = write(change.path, change.value);
    if (code === undefined) {
      if (before !== undefined) done.unshift({ path: change.path, before });
      continue;
    }
    if (change.unless?.includes(code)) continue;
    // Backwards, as some files only take values that fit the others.
    const stuck = done
      .filter(({ path, before: old }) => write(path, old) !== undefined)
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

/** What a file holds in the form in which it can be written again. */
function held(path: string): string | undefined {
  try {
    const text = readFileSync(path, 'utf8').trim();
    // cpu.cfs_quota_us says -1, memory.limit_in_bytes a huge number; both take them back. Tables do not.
    return text.includes('\n') ? undefined : text;
  } catch {
    return undefined;
  }
}

/** The errno's name, or undefined. */
function write(path: string, value: string): string | undefined {
  try {
    writeFileSync(path, value, { flag: 'r+' });
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'EIO';
  }
}

function spelled(code: string): string {
  for (const [name, words] of getSystemErrorMap().values()) if (name === code) return words;
  return code;
}
