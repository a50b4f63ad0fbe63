import { type Branch, treeLines } from '@ctr-tools/cli';
import { type Facts, hasOwnMounts, type MountFact, namespaceOf } from '../facts.ts';
import { unionOf } from '../layers.ts';
import { hostBinds, isMask, mountAt, writable } from '../openings/paths.ts';
import { plural, type Told } from './section.ts';

export function tellRoot(facts: Facts): Told {
  const { root } = facts;
  if (!root) return { summary: 'its mounts are not to be seen' };
  const { mounts } = root;
  const own = hasOwnMounts(facts);
  const under = mounts.findLast(({ mountPoint }) => mountPoint === '/');
  const union = under && unionOf(under);
  const masked = mounts.filter(isMask);
  const readOnly = mounts.filter((m) => /^\/(proc|sys)\//.test(m.mountPoint) && !isMask(m) && !writable(m));
  const binds = hostBinds(facts);
  const base = union
    ? `${under.type} of ${plural(union.layers.length, 'layer')}`
    : (under?.type ?? 'no root');
  const host = mountAt(facts, '/')?.host;
  return {
    summary: [
      `${base}${under && !writable(under) ? ', read-only' : ''}`,
      plural(mounts.length, 'mount'),
      ...(own
        ? [`${masked.length} masked`, `${readOnly.length} read-only in /proc and /sys`]
        : [namespaceOf(facts, 'mnt')?.ofPid1 ? "the machine's own" : "perhaps the machine's own"]),
    ].join(', '),
    notes: [
      ...(root.path === '/' ? [] : [`its root directory is ${root.path}`]),
      ...(own && host !== undefined && host !== '/' ? [`/ is ${host} of the machine`] : []),
      ...binds
        .slice(0, 6)
        .map(
          (m) =>
            `${m.mountPoint} is ${m.host} of the machine, ${writable(m) ? 'to be written' : 'read-only'}`,
        ),
      ...(binds.length > 6 ? [`and ${plural(binds.length - 6, 'more bind')}`] : []),
    ],
    whole: [...mountTree(mounts)],
  };
}

/** The mounts by who was mounted on whom, with a union's layers below it. */
function* mountTree(mounts: readonly MountFact[]): Generator<string> {
  const ids = new Set(mounts.map(({ id }) => id));
  const below = (parent: number): Branch<string>[] =>
    mounts.filter((m) => m.parent === parent && m.id !== parent).map(branch);
  const branch = (mount: MountFact): Branch<string> => {
    const union = unionOf(mount);
    return {
      value: words(mount),
      children: [
        ...(union?.upper === undefined ? [] : [{ value: `changes go to ${union.upper}`, children: [] }]),
        ...(union?.layers ?? []).map((layer) => ({ value: `layer ${layer}`, children: [] })),
        ...below(mount.id),
      ],
    };
  };
  const tops = mounts.filter(({ id, parent }) => !ids.has(parent) || parent === id);
  for (const { prefix, value } of treeLines(tops.map(branch))) yield `${prefix}${value}`;
}

function words(mount: MountFact): string {
  const { mountPoint, type, host, options, tags, root } = mount;
  if (isMask(mount)) return `${mountPoint} masked`;
  const from =
    host !== undefined && host !== mountPoint ? ` from ${host}` : root === '/' ? '' : ` from ${root}`;
  const flags = ['ro', 'nosuid', 'nodev', 'noexec'].filter((o) => options.includes(o));
  const shared = tags.filter((t) => /^(shared|master|unbindable)/.test(t)).map((t) => t.split(':')[0]!);
  return `${mountPoint} ${type}${from} ${[...(writable(mount) && !flags.includes('ro') ? ['rw'] : []), ...flags, ...shared].join(',')}`;
}
