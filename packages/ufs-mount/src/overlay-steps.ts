import { type AnyStep, slot, step, type Template, type Text, template } from '@ctr-tools/plan';
import { MS } from '@ctr-tools/sys/constants';

/** One overlay of a root: what lies under it, and where in the root it is mounted (`/` for the root itself). */
export interface OverlayPart {
  at: string;
  /** Directories, topmost first, as overlay wants them. */
  lower: readonly string[];
  /** A directory that keeps the changes and its work directory on the same file system; absent: throw-away. */
  upper?: { upper: string; work: string };
}

export interface OverlayFacts {
  parts: readonly OverlayPart[];
  readOnly: boolean;
  /** In a user namespace overlay keeps its marks in `user.*` attributes (overlayfs.rst, "userxattr"). */
  inUserNamespace: boolean;
  /** An empty directory of ours, over which a tmpfs is mounted inside the new mount namespace. */
  scratch: Text;
}

/** `SCRATCH/rest` where the scratch directory's name may still be a slot. */
function below(scratch: Text, rest: string): Text {
  if (typeof scratch === 'string') return `${scratch}${rest}`;
  if ('parts' in (scratch as Template)) return { parts: [...(scratch as Template).parts, rest] };
  return template`${scratch as never}${rest}`;
}

/**
 * Mount a root made of overlays and fill the slot `root`. Everything happens inside the
 * container's own mount namespace, so nothing has to be unmounted: it ends with it.
 */
export function overlaySteps(facts: OverlayFacts): AnyStep[] {
  const { parts, scratch } = facts;
  const merged = below(scratch, '/merged');
  const tmpfs = {
    root: -1,
    target: scratch,
    type: 'tmpfs',
    source: 'ctr-root',
    flags: MS.NODEV | MS.NOSUID,
    data: 'mode=0711',
    make: 0,
  };
  return [
    step('root', 'mount', tmpfs, 'mount a tmpfs for the changes of the root'),
    step('root', 'mkdir', { path: merged, mode: 0o755 }, 'make the mount point of the root'),
    ...parts.flatMap((part, i) => partSteps(facts, part, i)),
  ];
}

function partSteps(facts: OverlayFacts, part: OverlayPart, i: number): AnyStep[] {
  const { scratch, inUserNamespace } = facts;
  const throwAway = !part.upper && !facts.readOnly;
  const upper = part.upper?.upper ?? (throwAway ? below(scratch, `/upper${i}`) : '');
  const work = part.upper?.work ?? (throwAway ? below(scratch, `/work${i}`) : '');
  const made = throwAway
    ? [upper, work].map((path) =>
        step('root', 'mkdir', { path, mode: 0o755 }, 'make a directory for changes'),
      )
    : [];
  const args = {
    target: below(scratch, part.at === '/' ? '/merged' : `/merged${part.at}`),
    lower: part.lower,
    upper,
    work,
    flags: 0,
    options: inUserNamespace ? ['userxattr'] : [],
    root: slot(i === 0 ? 'root' : `root.${i}`),
  };
  const mount = step('root', 'overlay', args, `mount an overlay over ${part.lower.join(':')}`, {
    hints: {
      EINVAL: 'the file system of a layer or of the upper directory cannot be used by overlay',
      ENODEV: 'this kernel has no overlay file system; choose another with --driver',
      EPERM: 'without root it takes a user namespace (ns-enter --map-root-user) and a kernel from 5.11 on',
    },
  });
  return [...made, mount];
}
