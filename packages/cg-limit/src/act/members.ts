/** Who a process is with: the paths of its groups, and the processes in them. */
import { printable } from '@ctr-tools/cli';
import { readText } from '@ctr-tools/host';
import { processesOf } from './inspect.ts';
import type { Target } from './target.ts';

export interface Member {
  pid: number;
  /** As it was called; `[name]` where it has no arguments (a kernel's thread, or one that has ended). */
  command: string;
}

/** The processes in a target's groups, by PID. */
export const membersOf = (target: Target): Member[] =>
  [...processesOf(target)]
    .filter((pid) => pid > 0)
    .toSorted((a, b) => a - b)
    .map((pid) => ({ pid, command: commandOf(pid) }));

function commandOf(pid: number): string {
  const read = (file: string): string => {
    try {
      return readText(`/proc/${pid}/${file}`);
    } catch {
      return '';
    }
  };
  const words = read('cmdline').split('\0').filter(Boolean);
  return words.length > 0 ? words.join(' ') : `[${read('comm').trim() || '?'}]`;
}

/** As many as a screen has room for beside the limits. */
const MOST = 12;

/** A line for each path with the hierarchies in which it is the group, then one for each process, `asked` first. */
export function membersText(target: Target, asked: number, width?: number): string {
  const paths = new Map<string, string[]>();
  for (const { directory, mountPoint, controllers, version } of target.places) {
    const path = directory.slice(mountPoint.length) || '/';
    paths.set(path, [...(paths.get(path) ?? []), version === 2 ? 'v2' : controllers.join(',')]);
  }
  const members = membersOf(target).toSorted((a, b) => Number(b.pid === asked) - Number(a.pid === asked));
  const wide = Math.max(0, ...members.slice(0, MOST).map(({ pid }) => String(pid).length));
  const lines = [
    ...[...paths].map(([path, names]) => `  ${printable(path)} (${names.join(' ')})`),
    ...members
      .slice(0, MOST)
      .map(({ pid, command }) => `  ${String(pid).padStart(wide)} ${printable(command)}`),
    ...(members.length > MOST ? [`  … ${members.length - MOST} more`] : []),
  ];
  return lines
    .map((line) => `${width !== undefined && line.length > width ? `${line.slice(0, width - 1)}…` : line}\n`)
    .join('');
}
