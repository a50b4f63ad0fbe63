/** What a user namespace changes for IDs (user_namespaces(7)). */
import { Failure } from '@ctr-tools/cli';
import type { IDMapping, Spec } from '@ctr-tools/oci';
import type { AnyStep } from '@ctr-tools/plan';
import { groupsStep } from './credential-steps.ts';
import type { CapsFacts } from './gather.ts';

const userNamespace = (spec: Spec) => spec.linux?.namespaces?.find(({ type }) => type === 'user');

export const hasUserNamespace = (spec: Spec): boolean => userNamespace(spec) !== undefined;

const covers = (map: readonly IDMapping[], id: number): boolean =>
  map.some(({ containerID, size }) => id >= containerID && id < containerID + size);

/** Say before anything is made that an ID does not exist inside, where the kernel would say EINVAL late. */
export function checkMapped(spec: Spec, uid: number, gid: number, groups: readonly number[]): void {
  const { uidMappings = [], gidMappings = [] } = spec.linux ?? {};
  if (!userNamespace(spec)) return;
  const check = (map: readonly IDMapping[], name: string, path: string, id: number): void => {
    if (map.length > 0 && !covers(map, id))
      throw new Failure(
        `${path} is ${id}, which linux.${name} does not map; add it to the map or choose another ID`,
      );
  };
  check(uidMappings, 'uidMappings', 'process.user.uid', uid);
  check(gidMappings, 'gidMappings', 'process.user.gid', gid);
  for (const [i, id] of groups.entries())
    check(gidMappings, 'gidMappings', `process.user.additionalGids[${i}]`, id);
}

/**
 * Setting the supplementary groups of a container. Who writes a map without privilege has
 * to give up setgroups(2) for good; then groups cannot be set, and clearing them is passed
 * over, as runc does without root.
 */
export function containerGroupsStep(spec: Spec, groups: readonly number[], facts: CapsFacts): AnyStep[] {
  const namespace = userNamespace(spec);
  const denied = facts.setgroupsDenied || (namespace && !namespace.path && singleOwnGroup(spec, facts));
  if (denied && groups.length > 0)
    throw new Failure(
      'process.user.additionalGids: without root, and with only its own group mapped, a user namespace denies ' +
        'setgroups; leave additionalGids out, or map a range of /etc/subgid',
    );
  if (denied) return [];
  const made = groupsStep(groups);
  return namespace && groups.length === 0 ? [{ ...made, unless: ['EPERM'] }] : [made];
}

/** The one map that needs no privilege: the writer's own group alone. */
function singleOwnGroup(spec: Spec, { current }: CapsFacts): boolean {
  const map = spec.linux?.gidMappings ?? [];
  const privileged = (current.effective & (1n << 6n)) !== 0n;
  return !privileged && map.length === 1 && map[0]!.size === 1 && map[0]!.hostID === current.gids[1];
}
