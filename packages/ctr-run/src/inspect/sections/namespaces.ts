import { type Facts, type IdRange, isIdentity, type NamespaceFact } from '../facts.ts';
import { plural, type Told } from './section.ts';

const typesOf = (found: readonly NamespaceFact[]): string => found.map(({ type }) => type).join(' ');

export function tellNamespaces({ namespaces }: Facts): Told {
  if (namespaces.length === 0) return { summary: 'not to be seen' };
  const parts = [
    ['its own: ', namespaces.filter(({ ofPid1 }) => ofPid1 === false)],
    ["PID 1's: ", namespaces.filter(({ ofPid1 }) => ofPid1)],
    ["perhaps PID 1's: ", namespaces.filter(({ ofPid1 }) => ofPid1 === undefined)],
  ] as const;
  return {
    summary: parts
      .filter(([, found]) => found.length > 0)
      .map(([words, found]) => `${words}${typesOf(found)}`)
      .join('; '),
    notes: sharers(namespaces),
    whole: namespaces.map(
      (n) =>
        `${n.type.padEnd(7)}${n.inode}  ${whose(n)}${n.others.count > 0 ? `, with ${named(n.others)}` : ''}`,
    ),
  };
}

function whose({ ofPid1, ofCaller }: NamespaceFact): string {
  if (ofPid1) return "PID 1's";
  const own = ofPid1 === undefined ? 'not known whether it is PID 1’s' : 'its own';
  return ofCaller ? `${own}, and yours too` : own;
}

const named = ({ count, some }: NamespaceFact['others']): string => {
  const rest = count - some.length;
  const words = some.map(({ pid, name }) => `${pid} (${name})`).join(', ');
  return rest > 0 ? `${words} and ${plural(rest, 'other')}` : words;
};

/** Who else is in its own namespaces, once for all kinds that have the same. */
function sharers(namespaces: readonly NamespaceFact[]): string[] {
  const groups = new Map<string, NamespaceFact[]>();
  for (const fact of namespaces) {
    if (fact.ofPid1 || fact.others.count === 0) continue;
    const key = named(fact.others);
    groups.set(key, [...(groups.get(key) ?? []), fact]);
  }
  return [...groups].map(([who, found]) => `${typesOf(found)} shared with ${who}`);
}

const insideOf = (map: readonly IdRange[], outside: number): number | undefined => {
  const range = map.find((r) => outside >= r.outside && outside < r.outside + r.count);
  return range && range.inside + outside - range.outside;
};

const rangeWords = (map: readonly IdRange[]): string =>
  map
    .map(({ inside, outside, count }) =>
      count === 1
        ? `${inside} is ${outside}`
        : `${inside}-${inside + count - 1} are ${outside}-${outside + count - 1}`,
    )
    .join(', ');

/** Users and groups as they are outside, and their maps. */
export function tellIds({ status, maps }: Facts): Told {
  const [uid, gid] = [status.uids[1] ?? -1, status.gids[1] ?? -1];
  const mapped = maps.uid.length > 0 && !isIdentity(maps.uid);
  const inside = mapped
    ? `${insideOf(maps.uid, uid) ?? 'nobody'}:${insideOf(maps.gid, gid) ?? 'nobody'} inside, `
    : '';
  const odd =
    new Set(status.uids).size > 1 ? [`real, effective, saved, file system: ${status.uids.join(' ')}`] : [];
  const groups = status.groups.filter((g) => g !== gid);
  return {
    summary: `${inside}${uid}:${gid}${uid === 0 ? ' (root)' : ''}${mapped ? ' outside' : ''}${groups.length > 0 ? `, groups ${groups.slice(0, 8).join(' ')}${groups.length > 8 ? ' …' : ''}` : ''}`,
    notes: [
      ...odd,
      ...(mapped
        ? [`users ${rangeWords(maps.uid.slice(0, 4))}`, `groups ${rangeWords(maps.gid.slice(0, 4))}`]
        : []),
    ],
    whole: mapped
      ? [`users ${rangeWords(maps.uid)}`, `groups ${rangeWords(maps.gid)}`]
      : ['no map: all IDs are the machine’s'],
  };
}
