/**
 * What `ctr-layers` (`native/layers`), the program for layers of images, can be asked: every request,
 * once. `native/layers/gen/requests.h` is generated from this table (`scripts/gen-ops.ts`).
 *
 * A request is a list of fields: its name, then `ARGUMENT=VALUE` for each argument in order, where a
 * list's value is how many fields of it follow. The launcher's operation `layers` gives them to the
 * program, each with a NUL behind it, and descriptors beside them. The program answers with a text, or
 * with a descriptor.
 */
import {
  type AnyStep,
  type AnyUndo,
  type Int,
  type Slot,
  slot,
  step,
  type Text,
  undo,
} from '@ctr-tools/plan';
import { partsOf } from './text.ts';

type FieldKind = 'int' | 'text' | 'list' | 'ints';

/** How layers lie in the store. */
export const layerKinds = [
  /** Each by itself with overlay's marks, several at once, and a link to each in `chains`. */
  'overlay',
  /** The same with marks as `user.*`. */
  'overlay-user',
  /** Each upon a copy of the one before. */
  'copy',
  /** Each upon a btrfs snapshot of the one before. */
  'btrfs',
  /** Each upon a snapshot of a thin volume. */
  'thin',
] as const;

export const requests = {
  /**
   * Have layers in the store: each archive is verified, decompressed and applied into its directory
   * `targets` (a tree and a file `info`), which is there whole or not there. Of each, `offset` and
   * `size` in its archive; a size of -1 is the rest of it. Empty texts in `digests` (of the blob) and
   * `diffs` (of the archive in it) verify nothing. `squash` 1: not root, so everything belongs to us.
   * `columns`: width of the terminal on 2 for a bar, or 0. Answers with the directory whose owner, mode and times the
   * root has.
   */
  apply: {
    kind: 'text',
    squash: 'int',
    columns: 'int',
    targets: 'list',
    chains: 'list',
    archives: 'list',
    offsets: 'ints',
    sizes: 'ints',
    digests: 'list',
    diffs: 'list',
  },
  /**
   * Have one layer in the store out of the descriptor given, a pipe: `size` bytes of its archive, verified and applied as
   * they arrive, into `target` by itself with overlay's marks (`kind` overlay or overlay-user); `bottom` 1: the lowest
   * of its image, which may go to `chain`. Answers `done`; or `lower` where it can only be applied upon those below it,
   * which `apply` does.
   */
  receive: {
    kind: 'text',
    squash: 'int',
    bottom: 'int',
    target: 'text',
    chain: 'text',
    name: 'text',
    size: 'int',
    digest: 'text',
    diff: 'text',
  },
  /** Copy everything in a directory into another, with reflinks where the file system has them. */
  copy: { from: 'text', to: 'text' },
  /** The same for a layer with overlay's marks, which become those of aufs; it is on the disk when this is answered. */
  branch: { from: 'text', to: 'text' },
  /** Make a btrfs subvolume: an empty one, or a snapshot of the subvolume `of`. */
  subvolume: { path: 'text', of: 'text' },
  /** Delete a btrfs subvolume, or rm -r of a directory. What is not there is no failure. */
  remove_subvolume: { path: 'text' },
  /** Remove a root's directory with the subvolume `tree` or the thin volume in it. What is not there is no failure. */
  remove_root: { path: 'text' },
  /**
   * Compare the tree of layers (`lower`, topmost first; `marked` 1: with overlay's marks, to be
   * mounted) with a root, and write what changed to the descriptor given: a layer's archive, or with
   * `lines` 1 a line each, `A`, `C` or `D` and the path.
   */
  diff: { lower: 'list', root: 'text', marked: 'int', lines: 'int' },
  /**
   * Which of `trees` (topmost first, each with all that is below it) a path of `root` comes from:
   * answers with that of `names` at its number, the last of which is for what is in none of them.
   */
  which: { root: 'text', path: 'text', trees: 'list', names: 'list' },
  /**
   * Have the thin pool of `directory` active as long as the descriptor of the answer is open or a
   * volume of it is in use. A directory named `loop` gets a pool of its own, over files of `data` and
   * `metadata` bytes there; any other is named like the pool's device. Its base volume of `base` bytes
   * is formatted by `mkfs`, behind whose arguments the device's path goes.
   */
  thin_pool: { directory: 'text', data: 'int', metadata: 'int', base: 'int', mkfs: 'list' },
  /** Make a volume that the directory `place` stands for, a snapshot of that of the directory `of`. EEXIST: it has one. */
  thin_volume: { place: 'text', of: 'text' },
  /** Mount a directory's volume at `target`, or where that is empty answer with a mount that is attached nowhere; its device goes with its last mount. */
  thin_mount: { place: 'text', readonly: 'int', target: 'text' },
  /** As `remove_root`, each `….new` in a directory: what was half made in a thin pool, or given up. */
  collect: { directory: 'text' },
  /**
   * Answer with an overlay that is attached nowhere and shows other owners: `lower` (topmost first) is
   * idmapped by the user namespace given; where the file system or the kernel cannot, owners are changed
   * by `uids` and `gids` (lines as in /proc/PID/uid_map) after mounting. The directory `changes` has
   * `upper` and `work`; empty, they go to a tmpfs and are lost. The root itself is made like the
   * directory `top`, if that is not empty. `scratch` is any other directory.
   */
  mapped_overlay: {
    scratch: 'text',
    lower: 'list',
    changes: 'text',
    top: 'text',
    flags: 'int',
    options: 'list',
    uids: 'text',
    gids: 'text',
  },
  /** Show a detached mount (the first descriptor) with other owners: idmapped by a user namespace (the second), or where that cannot be by changing the owners in it. */
  map_owners: { uids: 'text', gids: 'text' },
} as const satisfies Record<string, Record<string, FieldKind>>;

export type RequestName = keyof typeof requests;

type FieldValue<K> = K extends 'int'
  ? Int
  : K extends 'text'
    ? Text
    : K extends 'list'
      ? readonly Text[]
      : readonly Int[];

export type RequestArgs<N extends RequestName> = {
  [A in keyof (typeof requests)[N]]: FieldValue<(typeof requests)[N][A]>;
};

const intText = (value: Int): Text =>
  typeof value === 'object' ? value : String(typeof value === 'boolean' ? Number(value) : value);

/** `NAME=VALUE` */
const field = (name: string, value: Text): Text =>
  typeof value === 'string' ? `${name}=${value}` : { parts: [`${name}=`, ...partsOf(value)] };

/** A request as its fields. */
export function layersRequest<N extends RequestName>(name: N, args: RequestArgs<N>): Text[] {
  const values = args as Record<string, unknown>;
  const fields = Object.entries(requests[name] as Record<string, FieldKind>).flatMap(([key, kind]) => {
    const value = values[key];
    if (kind === 'int') return [field(key, intText(value as Int))];
    if (kind === 'text') return [field(key, value as Text)];
    const items = kind === 'list' ? (value as readonly Text[]) : (value as readonly Int[]).map(intText);
    return [field(key, String(items.length)), ...items];
  });
  return [name, ...fields];
}

interface Rest {
  side?: AnyStep['side'];
  undo?: AnyUndo;
  unless?: readonly string[];
  hints?: Record<string, string>;
  /** Descriptors that go with the request. */
  fds?: readonly Int[];
  /** Filled with what is answered. */
  reply?: Slot;
}

/** Have ctr-layers carry out a request. */
export function layersStep<N extends RequestName>(
  phase: AnyStep['phase'],
  name: N,
  args: RequestArgs<N>,
  doing: Text,
  { fds = [], reply = slot('layers.reply'), ...rest }: Rest = {},
): AnyStep {
  return step(phase, 'layers', { request: layersRequest(name, args), fds, reply }, doing, {
    side: 'host',
    ...rest,
  });
}

/** The same as the undoing of a step. */
export const layersUndo = <N extends RequestName>(
  when: AnyUndo['when'],
  name: N,
  args: RequestArgs<N>,
  doing: Text,
): AnyUndo =>
  undo(when, 'layers', { request: layersRequest(name, args), fds: [], reply: slot('layers.reply') }, doing);
