/**
 * Which process joins and creates what. The kernel's rules behind it:
 *
 * - A PID namespace is joined or created for children only, so a process must be cloned
 *   (pid_namespaces(7)); others are joined by the command's own process.
 * - New namespaces belong to the user namespace of whoever creates them (namespaces(7)), and
 *   joining is allowed to who has CAP_SYS_ADMIN there and in the namespace's owner (setns(2)).
 *   So where a user namespace is joined or created beside others, joining must be over
 *   before clone(2) creates. A process that has joined a user namespace cannot come back;
 *   therefore the one that stays sends a joiner ahead (`join_first`), whose child is ours.
 * - The user namespace is joined last by who is privileged outside, and first by who becomes
 *   privileged by it (nsenter(1) does it so).
 */
import { Failure } from '@ctr-tools/cli';
import type { Spec } from '@ctr-tools/oci';
import type { Facts } from '../facts.ts';
import { type Kind, kinds, optionOf } from '../kinds.ts';
import { pinned } from '../option-refusals.ts';
import { holdsUser } from './user.ts';

export interface Join {
  kind: Kind;
  path: string;
}

export interface Arrangement {
  /** New namespaces, less a user namespace that was made and mapped beforehand. */
  create: readonly Kind[];
  /** In the order of joining. */
  joins: readonly Join[];
  /** Whether a process is cloned for the command, and a parent stays. */
  child: boolean;
  /** Whether a joiner goes ahead of the clone, and what it joins. */
  early: readonly Join[];
  /** What the command's process joins itself. */
  late: readonly Join[];
  /** The user namespace is made by a process that only holds it until its maps are written. */
  held: boolean;
  /** Whether there is a namespace of this kind that is not the caller's. */
  has(kind: Kind): boolean;
  /** Whether the user namespace is new. */
  newUser: boolean;
}

const CAP_SYS_ADMIN = 21n;
const CAP_SYS_CHROOT = 18n;
export const hasCapability = (mask: bigint, number: bigint): boolean => ((mask >> number) & 1n) === 1n;

/** Whether the caller may join without the privilege that a user namespace gives. */
export const joinsAsRoot = (facts: Facts): boolean =>
  hasCapability(facts.caller.effective, CAP_SYS_ADMIN) &&
  hasCapability(facts.caller.effective, CAP_SYS_CHROOT);

export function arrange(spec: Spec, facts: Facts): Arrangement {
  const namespaces = spec.linux?.namespaces ?? [];
  const types = namespaces.map(({ type }) => type);
  const twice = types.find((type, i) => types.indexOf(type) !== i);
  if (twice)
    throw new Failure(
      `linux.namespaces names ${twice} twice; each kind can be there once (config-linux.md, Namespaces)`,
    );

  const newUser = namespaces.some(({ type, path }) => type === 'user' && !path);
  const child = needsChild(spec, facts);
  const held = newUser && holdsUser(spec, facts, child);
  const create = kinds.filter(
    (kind) => namespaces.some(({ type, path }) => type === kind && !path) && !(held && kind === 'user'),
  );
  const wanted = namespaces.flatMap(({ type, path }) =>
    path && !isOurs(type, path, facts) ? [{ kind: type, path }] : [],
  );
  wanted.push(...extraJoins(facts, wanted));
  if (held) wanted.push({ kind: 'user', path: '' });
  const joins = inJoinOrder(wanted, joinsAsRoot(facts));
  const early = child ? earlyJoins(joins, create, joinsAsRoot(facts)) : [];
  return {
    create,
    joins,
    child,
    early,
    late: joins.filter((join) => !early.includes(join)),
    held,
    has: (kind) => create.includes(kind) || joins.some((join) => join.kind === kind),
    newUser,
  };
}

/** A namespace that we are in already: joining it changes nothing, and for a user namespace the kernel refuses it. */
const isOurs = (kind: Kind, path: string, facts: Facts): boolean =>
  facts.inodes[path] !== undefined &&
  facts.inodes[path] ===
    facts.caller.namespaces[kind === 'network' ? 'net' : kind === 'mount' ? 'mnt' : kind];

/** Joins that are found by descriptors only: `--user-parent` and `--net-socket`. */
function extraJoins(facts: Facts, wanted: Join[]): Join[] {
  const o = facts.options;
  const extra: Join[] = [];
  if (o?.userParent) {
    const user = wanted.findIndex((join) => join.kind === 'user');
    if (user >= 0) wanted.splice(user, 1);
    extra.push({ kind: 'user', path: '' });
  }
  if (o?.netSocket !== undefined) extra.push({ kind: 'network', path: '' });
  return extra;
}

export function inJoinOrder(joins: readonly Join[], asRoot: boolean): Join[] {
  const others = kinds.filter((kind) => kind !== 'user');
  const order: readonly Kind[] = asRoot ? [...others, 'user'] : ['user', ...others];
  return order.flatMap((kind) => joins.filter((join) => join.kind === kind));
}

function earlyJoins(joins: readonly Join[], create: readonly Kind[], asRoot: boolean): Join[] {
  const user = joins.some((join) => join.kind === 'user');
  const atClone = create.filter((kind) => kind !== 'cgroup' && kind !== 'time');
  if ((user && atClone.length > 0) || (create.includes('user') && joins.length > 0)) return [...joins];
  if (!joins.some((join) => join.kind === 'pid')) return [];
  return joins.filter((join) => join.kind === 'pid' || (join.kind === 'user' && !asRoot));
}

function needsChild(spec: Spec, facts: Facts): boolean {
  const o = facts.options;
  if (!o) return true;
  if (o.fork || o.killChild !== undefined || o.statusFd !== undefined || pinned(o) || o.netdevs.length > 0)
    return true;
  if (o.noFork) return false;
  return (spec.linux?.namespaces ?? []).some(
    ({ type, path }) => type === 'pid' && !(path && isOurs('pid', path, facts)),
  );
}

/** "the new mount and pid namespaces" and the like, for hints. */
export const optionWords = (of: readonly Kind[]): string => of.map(optionOf).join(', ');
