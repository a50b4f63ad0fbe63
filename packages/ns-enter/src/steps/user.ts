/** A new user namespace: who writes its maps, how, and who the command then is (user_namespaces(7)). */
import { Failure } from '@ctr-tools/cli';
import type { IDMapping, Spec } from '@ctr-tools/oci';
import { type AnyStep, peer, points, type Slot, slot, step, type Template, template } from '@ctr-tools/plan';
import { CLONE } from '@ctr-tools/sys/constants';
import type { Facts } from '../facts.ts';
import { sameMap } from '../joined-maps.ts';
import { checkMap, checkOwned, inside, mapLines, outside } from '../maps.ts';
import { createHints } from './words.ts';

const CAP_SETGID = 6n;
const CAP_SETUID = 7n;

interface Maps {
  uids: readonly IDMapping[];
  gids: readonly IDMapping[];
}

const mapsOf = (spec: Spec): Maps => ({
  uids: spec.linux?.uidMappings ?? [],
  gids: spec.linux?.gidMappings ?? [],
});

/** Whether the caller may write any map: who has CAP_SETUID and CAP_SETGID in the parent namespace. */
const writesMaps = (facts: Facts): boolean =>
  ((facts.caller.effective >> CAP_SETUID) & (facts.caller.effective >> CAP_SETGID) & 1n) === 1n;

/** A map that anybody may write: the caller's own ID alone, or none. */
const isOwn = (map: readonly IDMapping[], id: number): boolean =>
  map.length === 0 || (map.length === 1 && map[0]!.hostID === id && map[0]!.size === 1);

const isSimple = ({ uids, gids }: Maps, facts: Facts): boolean =>
  isOwn(uids, facts.caller.uid) && isOwn(gids, facts.caller.gid);

/**
 * Whether the namespace is made by a process that holds it while its maps are written from
 * outside: where no parent is there to write them, and where another is to own it.
 */
export function holdsUser(spec: Spec, facts: Facts, child: boolean): boolean {
  if (facts.options?.owner) return true;
  if (child) return false;
  return (
    !isSimple(mapsOf(spec), facts) || (facts.options?.setgroups === 'allow' && mapsOf(spec).gids.length > 0)
  );
}

/** Refuse what the kernel or newuidmap(1) would refuse, before anything is made. */
export function checkUser(spec: Spec, facts: Facts, newUser: boolean): void {
  const { uids, gids } = mapsOf(spec);
  if (!newUser) {
    if (uids.length === 0 && gids.length === 0) return;
    const joined = spec.linux?.namespaces?.find(({ type }) => type === 'user');
    if (joined && !facts.options) checkDescription({ uids, gids }, joined.path!, facts);
    else
      throw new Failure(
        joined
          ? 'a user namespace that is joined has its maps already; leave out the ID maps, or make a new one'
          : 'ID maps are given, but no user namespace is made; add one (--new user), or leave them out',
      );
    return;
  }
  if (!facts.options && (uids.length === 0 || gids.length === 0))
    throw new Failure(
      `linux.${uids.length === 0 ? 'uidMappings' : 'gidMappings'} is missing: the container's new user namespace would have nobody in it`,
    );
  checkMap('user ID', uids);
  checkMap('group ID', gids);
  if (writesMaps(facts)) return;
  const { caller, options } = facts;
  if (options?.owner)
    throw new Failure('--owner: only root can make a user namespace that belongs to another');
  if (options?.setgroups === 'allow' && gids.length > 0 && isOwn(gids, caller.gid))
    throw new Failure(
      '--setgroups allow: without privilege the kernel lets a group map be written only when setgroups is denied',
    );
  if (!isOwn(uids, caller.uid))
    checkHelper('newuidmap', 'uid', uids, caller.uid, caller.newuidmap, caller.subuids);
  if (!isOwn(gids, caller.gid))
    checkHelper('newgidmap', 'gid', gids, caller.gid, caller.newgidmap, caller.subgids);
}

/** Maps beside a user namespace by path describe it (podman and containerd write both); what differs is an error, as with runc. */
function checkDescription(described: Maps, path: string, { joinedMaps }: Facts): void {
  if (!joinedMaps) return;
  for (const ids of ['uids', 'gids'] as const) {
    if (described[ids].length === 0 || sameMap(described[ids], joinedMaps[ids])) continue;
    const found = mapLines(joinedMaps[ids]).trim().replaceAll('\n', ', ') || 'nothing';
    throw new Failure(
      `linux.${ids === 'uids' ? 'uidMappings' : 'gidMappings'} differs from the map of the user namespace ${path}, which is ${found}; leave it out, or give this one`,
    );
  }
}

function checkHelper(
  name: string,
  what: 'uid' | 'gid',
  map: readonly IDMapping[],
  own: number,
  helper: string | undefined,
  ranges: Facts['caller']['subuids'],
): void {
  if (!helper)
    throw new Failure(
      `map more than your own ${what}: ${name} is not installed; install uidmap (Debian) or shadow-utils, or map only yourself (--map-root-user)`,
    );
  checkOwned(what, map, own, ranges, what === 'uid' ? '/etc/subuid' : '/etc/subgid');
}

/** Whether /proc/PID/setgroups is to say deny (user_namespaces(7), "The /proc/pid/setgroups file"). */
function deniesGroups(maps: Maps, facts: Facts): boolean {
  const { options, caller } = facts;
  if (options?.setgroups) return options.setgroups === 'deny';
  // As unshare(1): who maps only the own group loses nothing by it, with privilege or without.
  const single = maps.gids.length === 1 && isOwn(maps.gids, caller.gid);
  return single && (options !== undefined || !writesMaps(facts));
}

const mapHints = {
  EPERM:
    'the kernel does not let you map these IDs; without root you map your own alone, or ranges of /etc/subuid with newuidmap installed',
  EINVAL: 'the maps overlap, or name IDs that are not mapped here',
  EACCES:
    'the process cannot be reached in /proc, which may be mounted with hidepid, or for another PID namespace (--mount-proc mounts one for its own)',
};

/** Write the maps of process `pid` from outside. */
function writeMaps(phase: 'descriptors' | 'user', pid: Slot, maps: Maps, facts: Facts): AnyStep[] {
  const steps: AnyStep[] = [];
  const file = (name: string): Template => template`/proc/${pid}/${name}`;
  const host = { side: 'host', hints: mapHints } as const;
  if (deniesGroups(maps, facts))
    steps.push(
      step(
        phase,
        'write',
        { path: file('setgroups'), data: 'deny' },
        'deny setgroups in the user namespace',
        host,
      ),
    );
  const one = (
    what: 'uid' | 'gid',
    map: readonly IDMapping[],
    own: number,
    helper: string | undefined,
  ): void => {
    if (map.length === 0) return;
    if (writesMaps(facts) || isOwn(map, own)) {
      steps.push(
        step(
          phase,
          'write',
          { path: file(`${what}_map`), data: mapLines(map) },
          `write the ${what} map`,
          host,
        ),
      );
      return;
    }
    const ranges = map.flatMap((m) => [m.containerID, m.hostID, m.size].map(String));
    steps.push(
      step(
        phase,
        'helper',
        { file: helper!, argv: [helper!, template`${pid}`, ...ranges], env: [], stdin: '', timeout: 10_000 },
        `map ${what}s with ${helper}`,
        {
          side: 'host',
          hints: {
            else: `${helper} must be set-user-ID root or have cap_set${what}, and /etc/sub${what} must give you the range`,
          },
        },
      ),
    );
  };
  one('uid', maps.uids, facts.caller.uid, facts.caller.newuidmap);
  one('gid', maps.gids, facts.caller.gid, facts.caller.newgidmap);
  return steps;
}

/** The namespace made and mapped by a process that then goes; its descriptor is `ns.user`. */
export function heldUserSteps(spec: Spec, facts: Facts): AnyStep[] {
  const maps = mapsOf(spec);
  const pid = slot('holder.pid');
  const owner = facts.options?.owner;
  const side = 'host' as const;
  return [
    step(
      'descriptors',
      'user_namespace',
      { uid: owner?.uid ?? -1, gid: owner?.gid ?? -1, pid, userns: slot('ns.user') },
      'make a user namespace',
      { side, hints: createHints(['user'], facts) },
    ),
    ...writeMaps('descriptors', pid, maps, facts),
    step('descriptors', 'kill', { pid, signal: 9 }, 'end the process that held the user namespace', { side }),
    step(
      'descriptors',
      'wait_child',
      { pid, status: slot('holder.status') },
      'reap the process that held the user namespace',
      { side },
    ),
  ];
}

/** A user namespace that the clone made: the host writes its maps while the child waits. */
export function mappedChildSteps(spec: Spec, facts: Facts): AnyStep[] {
  const maps = mapsOf(spec);
  if (maps.uids.length === 0 && maps.gids.length === 0) return [];
  const steps: AnyStep[] = [];
  // Without privilege /proc/PID/uid_map can be opened only of a process that may be dumped
  // (proc(5): the files of others belong to root). Nobody but us is in that namespace yet.
  const shy = !writesMaps(facts);
  if (shy)
    steps.push(
      step('user', 'dumpable', { on: 1 }, 'let the maps be written'),
      step('user', 'notify', { process: peer, point: points.unmapped }, 'ask for the ID maps'),
      step('user', 'await', { process: peer, point: points.unmapped }, 'wait for the user namespace', {
        side: 'host',
      }),
    );
  steps.push(
    ...writeMaps('user', slot('child.pid'), maps, facts),
    step('user', 'notify', { process: peer, point: points.mapped }, 'say that the ID maps are written', {
      side: 'host',
    }),
    step('user', 'await', { process: peer, point: points.mapped }, 'wait for the ID maps'),
  );
  if (shy) steps.push(step('user', 'dumpable', { on: 0 }, 'hide the process again'));
  return steps;
}

/** A user namespace made by the command's own process, which may map itself alone. */
export function ownUserSteps(spec: Spec, facts: Facts): AnyStep[] {
  const maps = mapsOf(spec);
  const steps = [
    step('user', 'unshare', { flags: CLONE.NEWUSER }, 'make a user namespace', {
      hints: createHints(['user'], facts),
    }),
  ];
  const deny = deniesGroups(maps, facts);
  if (maps.uids.length === 0 && maps.gids.length === 0 && !deny) return steps;
  const write = (name: string, data: string, doing: string): AnyStep =>
    step('user', 'proc_write', { path: `self/${name}`, data }, doing, { hints: mapHints });
  steps.push(step('user', 'dumpable', { on: 1 }, 'let the maps be written'));
  if (deny) steps.push(write('setgroups', 'deny', 'deny setgroups in the user namespace'));
  if (maps.uids.length > 0) steps.push(write('uid_map', mapLines(maps.uids), 'write the uid map'));
  if (maps.gids.length > 0) steps.push(write('gid_map', mapLines(maps.gids), 'write the gid map'));
  steps.push(step('user', 'dumpable', { on: 0 }, 'hide the process again'));
  return steps;
}

/**
 * Become root of the new namespace, so that what is made from here on belongs to it. A
 * person's command that is mapped under its own ID keeps that.
 */
export function becomeRootSteps(spec: Spec, facts: Facts): AnyStep[] {
  const { uids, gids } = mapsOf(spec);
  const { caller, options } = facts;
  const become = (map: readonly IDMapping[], own: number): boolean =>
    outside(map, 0) !== undefined && inside(map, own) !== 0 && (!options || inside(map, own) === undefined);
  const steps: AnyStep[] = [];
  if (become(gids, caller.gid)) {
    if (!deniesGroups({ uids, gids }, facts))
      steps.push(
        step('user', 'setgroups', { gids: [] }, 'drop the groups of outside', { unless: ['EPERM'] }),
      );
    steps.push(step('user', 'setgid', { gid: 0 }, 'become group 0 of the user namespace'));
  }
  if (become(uids, caller.uid))
    steps.push(step('user', 'setuid', { uid: 0 }, 'become root of the user namespace'));
  return steps;
}
