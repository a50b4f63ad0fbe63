/**
 * Cgroup files as they will be when this tool's turn comes: in a fused chain the links before
 * it have made groups, written limits and joined by then (`Host.earlier`). Each question is asked
 * of the kernel once: what is planned together is to see the same.
 */
import { ACCESS, access, dirname, entriesIn, readTextIfAny, statIfAny } from '@ctr-tools/host';
import { type AnyStep, does, isSlot } from '@ctr-tools/plan';

export class View {
  private readonly made = new Set<string>();
  private readonly written = new Map<string, string>();
  private readonly kinds = new Map<string, 'directory' | 'file' | 'none'>();
  private readonly texts = new Map<string, string | undefined>();
  /** Directories of groups that earlier links join. */
  readonly joined: readonly string[];

  constructor(earlier: readonly AnyStep[] = []) {
    const joined: string[] = [];
    const opened = new Map<string, string>();
    for (const step of earlier) {
      const { path: named, fd, data } = step.args;
      const path = typeof named === 'string' ? named : isSlot(fd) ? opened.get(fd.slot) : undefined;
      if (path === undefined) continue;
      if (does(step, 'opens') && isSlot(fd)) {
        opened.set(fd.slot, path);
        // A process is born in the group that is open at its clone.
        if (fd.slot === 'cgroup') joined.push(path);
      }
      if (does(step, 'makes')) this.made.add(path);
      if (!does(step, 'writes') || typeof data !== 'string') continue;
      if (step.side === 'container' && /\/(?:tasks|cgroup\.procs)$/.test(path)) joined.push(dirname(path));
      else this.written.set(path, data);
    }
    this.joined = joined;
  }

  /** The group that earlier links joined last, at or below a mount point. */
  joinedBelow(mountPoint: string): string | undefined {
    return this.joined.findLast((path) => `${path}/`.startsWith(`${mountPoint}/`));
  }

  exists(path: string): boolean {
    if (this.made.has(path)) return true;
    return this.kind(path) === 'directory';
  }

  private kind(path: string): 'directory' | 'file' | 'none' {
    const known = this.kinds.get(path);
    if (known !== undefined) return known;
    const found = statIfAny(path);
    const kind = found?.isDirectory() ? 'directory' : found?.isFile() ? 'file' : 'none';
    this.kinds.set(path, kind);
    return kind;
  }

  /** Whether something else than a group has this name: a group's files stand beside the groups below it. */
  isFile(path: string): boolean {
    return this.kind(path) === 'file';
  }

  /** Whether a group is made by an earlier link, so that nothing of it can be looked at yet. */
  isFuture(path: string): boolean {
    return this.made.has(path);
  }

  /** A file's text less its last newline; undefined where it cannot be read. */
  read(path: string): string | undefined {
    const written = this.written.get(path);
    if (written !== undefined) return written;
    if (this.texts.has(path)) return this.texts.get(path);
    const text = textOf(path);
    this.texts.set(path, text);
    return text;
  }

  words(path: string): string[] {
    return this.read(path)?.split(/\s+/).filter(Boolean) ?? [];
  }

  /** Whether processes are in the group itself. */
  populated(path: string): boolean {
    if (this.joined.includes(path)) return true;
    return !this.made.has(path) && (this.read(`${path}/cgroup.procs`) ?? '') !== '';
  }

  /** Whether this process may make things in a directory, or write a file. */
  writable(path: string): boolean {
    if (this.made.has(path) || this.made.has(dirname(path))) return true;
    try {
      access(path, ACCESS.WRITE);
      return true;
    } catch {
      return false;
    }
  }

  /** Whether who enters the group is frozen at once, by it or by one above (freezer-subsystem.rst; cgroup-v2.rst, cgroup.events). */
  frozen(path: string, version: 1 | 2): boolean {
    if (this.made.has(path)) return false;
    if (version === 1) return /^FR(?:OZEN|EEZING)$/.test(this.read(`${path}/freezer.state`) ?? '');
    return /^frozen 1$/m.test(this.read(`${path}/cgroup.events`) ?? '');
  }

  /** Names of the files of some group below `mountPoint` that is not its root: many files exist only there. */
  sample(mountPoint: string): string[] {
    return filesOfAGroup(mountPoint);
  }
}

function textOf(path: string): string | undefined {
  try {
    return readTextIfAny(path)?.trimEnd();
  } catch {
    return undefined;
  }
}

/** The files of the first group below `mountPoint`, or its own where it has none. */
function filesOfAGroup(mountPoint: string): string[] {
  try {
    const names = (of: string, directories: boolean): string[] =>
      entriesIn(of)
        .filter((entry) => (entry.type === 'directory') === directories)
        .map((entry) => entry.name);
    const [below] = names(mountPoint, true);
    return names(below === undefined ? mountPoint : `${mountPoint}/${below}`, false);
  } catch {
    return [];
  }
}
