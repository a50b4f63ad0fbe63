/** What two processes differ in. Pure. */
import { shortNames } from '@ctr-tools/caps-drop/looking';
import { spell } from '@ctr-tools/cg-limit/acts';
import { namespaceFile, namespaceTypes } from '@ctr-tools/oci';
import { type Facts, isIdentity, namespaceOf } from './facts.ts';
import { unionOf } from './layers.ts';
import { openingsOf, weightOf } from './openings/index.ts';
import { isMask } from './openings/paths.ts';
import { plural } from './sections/section.ts';

/** One thing, as each of the two has it. */
export interface Row {
  what: string;
  a: string;
  b: string;
}

/** What a process has, each thing by its name, as it can be compared. */
function traits(facts: Facts): Map<string, string> {
  const { status, maps, group, root, seccomp, labels, limits, oomScoreAdj, descriptors } = facts;
  const found: [string, string][] = [
    ['user', `${status.uids[1]}:${status.gids[1]}`],
    ['groups', status.groups.join(' ') || 'none'],
    ['user map', mapWords(maps.uid)],
    ['group map', mapWords(maps.gid)],
    ['effective', shortNames(status.effective)],
    ['permitted', shortNames(status.permitted)],
    ['bounding', shortNames(status.bounding)],
    ['inheritable', shortNames(status.inheritable)],
    ['ambient', shortNames(status.ambient)],
    ['no_new_privs', status.noNewPrivs ? 'yes' : 'no'],
    ['seccomp', `${seccomp.mode}${seccomp.filters ? ` (${seccomp.filters})` : ''}`],
    ['apparmor', labels?.apparmor?.profile ?? ''],
    ['selinux', labels?.selinux ?? ''],
    ['oom_score_adj', String(oomScoreAdj ?? '')],
    ['descriptors', descriptors ? String(descriptors.count) : ''],
  ];
  // How much is in use changes from moment to moment.
  for (const line of group?.report.lines ?? [])
    if (line.limit !== undefined) found.push([`limit of ${line.name}`, spell(line.unit, line.limit, true)]);
  for (const { type, soft, hard } of limits) found.push([type, soft === hard ? soft : `${soft}:${hard}`]);
  for (const mount of root?.mounts ?? []) {
    const { mountPoint, type, options } = mount;
    const union = unionOf(mount);
    const words = isMask(mount)
      ? 'masked'
      : `${type} ${options.filter((o) => !/atime|diratime/.test(o)).join(',')}`;
    found.push([
      `mount ${mountPoint}`,
      `${words}${union ? `, ${plural(union.layers.length, 'layer')}` : ''}`,
    ]);
  }
  return new Map(found);
}

const mapWords = (map: Facts['maps']['uid']): string =>
  map.length === 0 || isIdentity(map)
    ? 'none'
    : map.map((r) => `${r.inside}:${r.outside}:${r.count}`).join(' ');

/** Namespaces first: whether they are the same one is what counts. */
function namespaceRows(a: Facts, b: Facts): Row[] {
  return namespaceTypes.flatMap((kind) => {
    const [one, two] = [namespaceOf(a, namespaceFile[kind]), namespaceOf(b, namespaceFile[kind])];
    if (one?.inode === two?.inode) return [];
    const words = (n: typeof one): string =>
      n === undefined ? 'not seen' : `${n.ofPid1 ? "PID 1's" : 'its own'} (${n.inode})`;
    return [{ what: `${namespaceFile[kind]} namespace`, a: words(one), b: words(two) }];
  });
}

/** All that differs, and at last the weights. */
export function differences(a: Facts, b: Facts): Row[] {
  const [one, two] = [traits(a), traits(b)];
  const rows = [...new Set([...one.keys(), ...two.keys()])].flatMap((what): Row[] => {
    const [x, y] = [one.get(what) ?? '-', two.get(what) ?? '-'];
    return x === y ? [] : [{ what, a: x, b: y }];
  });
  const [openA, openB] = [openingsOf(a), openingsOf(b)];
  const only = (mine: typeof openA, theirs: typeof openA): string[] =>
    mine.filter(({ id }) => !theirs.some((o) => o.id === id)).map(({ id }) => id);
  const [onlyA, onlyB] = [only(openA, openB), only(openB, openA)];
  const weights = [weightOf(openA), weightOf(openB)] as const;
  return [
    ...namespaceRows(a, b),
    ...rows,
    ...(onlyA.length + onlyB.length > 0
      ? [{ what: 'open of one alone', a: onlyA.join(' ') || '-', b: onlyB.join(' ') || '-' }]
      : []),
    ...(weights[0] === weights[1] ? [] : [{ what: 'weight', a: String(weights[0]), b: String(weights[1]) }]),
  ];
}
