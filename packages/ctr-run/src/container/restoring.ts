/**
 * What criu(8) is started by for a restore. It makes the container's processes itself, so all that it cannot
 * make stands before it begins: a process of ours enters the container's groups, whose limits and
 * device filter are set, and its cgroup namespace, and what criu forks there is born in both.
 */
import * as cgLimit from '@ctr-tools/cg-limit/container';
import { stat } from '@ctr-tools/host';
import type { Spec } from '@ctr-tools/oci';
import { type AnyStep, optionalSlot, peer, points, slot, step, type Text, undo } from '@ctr-tools/plan';
import { CLONE, MOUNT_ATTR, MS } from '@ctr-tools/sys/constants';
import { groupsOf } from '../state/group.ts';
import type { ContainerFacts } from './compose.ts';
import { besides, type Places } from './criu.ts';
import { childPid } from './state-json.ts';

const side = 'host';
const root = slot('root');

/** Groups with limits and device filter, as `run` makes them, and a process in them that is to become criu's parent. */
export function groupSteps(
  spec: Spec,
  { cgroup, delegation }: Pick<ContainerFacts, 'cgroup' | 'delegation'>,
): AnyStep[] {
  const record = cgLimit.cgroupRecord(cgroup);
  const [path] = groupsOf({ cgroup: record });
  const clone = {
    process: peer,
    flags: 0,
    cgroup: optionalSlot('cgroup'),
    pid: childPid,
    pidfd: slot('child.pidfd'),
  };
  return [
    ...cgLimit.steps(spec, cgroup),
    ...(delegation?.steps(spec) ?? []),
    step('clone', 'clone', clone, 'start a process for criu', {
      side,
      // criu is its child, in a process group of its own.
      ...(path !== undefined && { undo: undo('failure', 'cgroup_kill', { path }, `end what is in ${path}`) }),
    }),
  ];
}

/**
 * The group that is to search the images' directory: in a user namespace criu reads them as the container's root, by the
 * directory that it has open. They hold the container's memory, and are nobody else's to read. Nothing where it may already.
 */
export function searcherOf(spec: Spec, { images }: Places): string {
  if (!spec.linux?.namespaces?.some(({ type }) => type === 'user')) return '';
  const gid = spec.linux.gidMappings?.find(({ containerID }) => containerID === 0)?.hostID;
  const { mode, gid: group } = stat(images);
  return gid === undefined || mode & 0o001 || (group === gid && mode & 0o010) ? '' : String(gid);
}

/** Namespaces of that process: mounts, where the root is a mount, which criu needs; and the group as the root of its groups. */
export function viewSteps(spec: Spec, path: string): AnyStep[] {
  const own = spec.linux?.namespaces?.some((n) => n.type === 'cgroup' && n.path === undefined);
  const flags = CLONE.NEWNS | (own ? CLONE.NEWCGROUP : 0);
  const readonly = { root, target: '/', set: MOUNT_ATTR.RDONLY, clear: 0, propagation: 0, recursive: 0 };
  return [
    step('unshare', 'unshare', { flags }, 'make a mount namespace for criu'),
    step('root', 'propagation', { path: '/', flags: MS.REC | MS.SLAVE }, 'cut its mounts off'),
    step('root', 'root_mount', { path, root }, `make ${path} a mount`),
    ...(spec.root?.readonly ? [step('root', 'mount_attr', readonly, 'make the root read-only')] : []),
  ];
}

/** Run it once everything stands; the process ends with it. */
export function runnerSteps(argv: readonly Text[], env: readonly string[], doing: Text): AnyStep[] {
  const helper = { file: '/bin/sh', argv, env, stdin: '', timeout: 0 };
  return [
    step('mounts', 'notify', { process: peer, point: points.placed }, 'let criu begin', { side }),
    step('mounts', 'await', { process: peer, point: points.placed }, 'wait for the groups'),
    step('mounts', 'helper', helper, doing),
    step('devices', 'notify', { process: peer, point: points.ready }, 'say that the processes are there'),
    step('devices', 'await', { process: peer, point: points.ready }, 'wait for the processes', { side }),
    step('devices', 'exit', { code: 0 }, 'end'),
  ];
}

/**
 * The shell's part: `LOG PID BORN NET PIDNS IMAGES SEARCHER CRIU…`. criu writes its errors to its log alone; a helper that fails has what it
 * printed in the message. Our own standard descriptors (those of PID), which a helper does not have, are
 * there as 7, 8 and 9, and namespaces from outside as 5 and 6.
 *
 * The images name groups of the machine and the time of the dump. `--cgroup-root` makes those this process's own,
 * which are the container's (as runc does); and what was restored elsewhere all the same does not stay.
 */
export const runner = `
log=$1 own=/proc/$2/fd born=$3 net=$4 pid=$5 images=$6 searcher=$7; shift 7
[ -z "$searcher" ] || { chgrp "$searcher" "$images" && chmod g+x "$images" || exit; }
[ -z "$net" ] || exec 5<"$net"
[ -z "$pid" ] || exec 6<"$pid"
# One that is closed, or a socket, cannot be opened so.
(: <$own/0) 2>/dev/null && exec 7<$own/0
(: >>$own/1) 2>/dev/null && exec 8>>$own/1
(: >>$own/2) 2>/dev/null && exec 9>>$own/2
while IFS=: read -r _ names path; do
  while :; do
    set -- "$@" --cgroup-root "\${names%%,*}:$path"
    case $names in *,*) names=\${names#*,} ;; *) break ;; esac
  done
done </proc/self/cgroup
"$@" || { s=$?; grep -h "Error (" "$log" 2>/dev/null | grep -vE "${besides}" | tail -n 2 | sed -E 's/^\\([^)]*\\) *([0-9]+: *)?//' >&2; exit $s; }
read -r pid <"$born"
while IFS= read -r ours && IFS= read -r its <&3; do
  case \${its%/}/ in "\${ours%/}"/*) continue ;; esac
  kill -9 "$pid"
  echo "the images put it into the group $its, not into its own, $ours" >&2
  exit 1
done </proc/self/cgroup 3</proc/$pid/cgroup
`;
