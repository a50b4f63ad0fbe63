/** Joining: everything is opened while host paths mean the host, then joined by descriptor. */
import { type AnyStep, slot, step, template } from '@ctr-tools/plan';
import { MAGIC, NS_IOCTL, O } from '@ctr-tools/sys/constants';
import type { Facts } from '../facts.ts';
import { fileOf, flagOf, flagsOf, type Kind, kindWords, optionOf } from '../kinds.ts';
import { type Arrangement, inJoinOrder, type Join, joinsAsRoot } from './arrange.ts';
import { joinHints } from './words.ts';

const fdOf = (kind: Kind) => slot(`ns.${fileOf(kind)}`);
const pidfd = slot('target.pidfd');

/** Whether a namespace is joined by the target's pidfd rather than by a file. */
const byTarget = (join: Join, facts: Facts): boolean =>
  facts.target !== undefined &&
  // A pidfd is of a process, whose first thread may be in other namespaces.
  facts.target.process === undefined &&
  join.path === `/proc/${facts.target.pid}/ns/${fileOf(join.kind)}`;

/** One setns(2): a descriptor and the kinds it is asked for. */
interface Setns {
  fd: ReturnType<typeof slot>;
  joined: readonly Kind[];
}

/**
 * The calls for these joins. A pidfd joins all its kinds at once, and atomically (setns(2),
 * since Linux 5.8); it stands where the first of them would. With the user namespace among
 * them the kernel itself minds who is allowed.
 */
function calls(joins: readonly Join[], facts: Facts): Setns[] {
  const ofTarget = joins.filter((join) => byTarget(join, facts)).map((join) => join.kind);
  const found: Setns[] = [];
  for (const join of inJoinOrder(joins, joinsAsRoot(facts))) {
    if (!ofTarget.includes(join.kind)) found.push({ fd: fdOf(join.kind), joined: [join.kind] });
    else if (!found.some((call) => call.fd === pidfd)) found.push({ fd: pidfd, joined: ofTarget });
  }
  return userLast(found, facts);
}

/** A pidfd's call that holds the user namespace goes where the user namespace goes. */
function userLast(found: Setns[], facts: Facts): Setns[] {
  const user = found.find((call) => call.joined.includes('user'));
  if (!user) return found;
  const others = found.filter((call) => call !== user);
  return joinsAsRoot(facts) ? [...others, user] : [user, ...others];
}

/** Hold the target by a pidfd, and make sure that it is the process that was looked at. */
function holdTarget(facts: Facts): AnyStep[] {
  const { target } = facts;
  if (!target) return [];
  const { pid, process = pid } = target;
  const side = 'host' as const;
  const reused = `PID ${pid} is another process now; the one that was meant has ended`;
  const steps = [
    step('descriptors', 'pidfd_open', { pid: process, pidfd }, `hold process ${pid}`, {
      side,
      hints: { ESRCH: 'the process has ended', ENOSYS: 'this kernel has no pidfd (Linux 5.3 has)' },
    }),
    step('descriptors', 'same_process', { pid, ticks: target.startTime }, `hold process ${pid}`, {
      side,
      hints: { ESRCH: reused },
    }),
  ];
  if (target.inode === undefined) return steps;
  return [
    ...steps,
    step(
      'descriptors',
      'inode',
      { path: '', fd: pidfd, filesystem: MAGIC.PIDFS, inode: slot('target.inode') },
      `look at the pidfd of process ${pid}`,
      {
        side,
        hints: { EOPNOTSUPP: 'this kernel has no numbers for pidfds (Linux 6.9 has); leave out :INODE' },
      },
    ),
    step(
      'descriptors',
      'expect',
      { found: template`${slot('target.inode')}`, wanted: String(target.inode) },
      `hold process ${pid}:${target.inode}`,
      {
        side,
        hints: { else: `PID ${pid} is another process than the one with that inode` },
      },
    ),
  ];
}

/** Open whatever is joined by file. */
function openFiles(arrangement: Arrangement, facts: Facts): AnyStep[] {
  return arrangement.joins
    .filter((join) => join.path !== '' && !byTarget(join, facts))
    .map(({ kind, path }) =>
      step(
        'descriptors',
        'open',
        { path, flags: O.RDONLY | O.CLOEXEC, fd: fdOf(kind) },
        `open the ${optionOf(kind)} namespace ${path}`,
        {
          side: 'host',
        },
      ),
    );
}

/** `--user-parent` (the owner of the others, or the parent of `--user`) and `--net-socket`. */
function openRelated(facts: Facts, spec: readonly Join[]): AnyStep[] {
  const { options, target } = facts;
  if (!options || !target) return [];
  const steps: AnyStep[] = [];
  const side = 'host' as const;
  if (options.userParent) {
    const named = spec.find((join) => join.kind === 'user')?.path;
    const path =
      named ?? `/proc/${target.pid}/ns/${fileOf(spec.find((join) => join.path !== '')?.kind ?? 'user')}`;
    const fd = slot('ns.child');
    steps.push(
      step('descriptors', 'open', { path, flags: O.RDONLY | O.CLOEXEC, fd }, `open the namespace ${path}`, {
        side,
      }),
      step(
        'descriptors',
        'ns_get',
        { fd, request: NS_IOCTL.GET_USERNS, ns: slot('ns.user') },
        `find the user namespace above ${path}`,
        {
          side,
          hints: {
            EPERM: 'it lies above your own user namespace, out of reach',
            ENOTTY: 'Linux 4.9 is needed',
          },
        },
      ),
    );
  }
  if (options.netSocket !== undefined)
    steps.push(
      step(
        'descriptors',
        'socket_netns',
        { pidfd, fd: options.netSocket, ns: slot('ns.net') },
        `find the network namespace of descriptor ${options.netSocket} of process ${target.pid}`,
        {
          side,
          hints: {
            EBADF: 'the process has no such descriptor',
            ENOTTY: 'that descriptor is not a socket',
            EPERM:
              'it takes the right to trace the process (ptrace(2), PTRACE_MODE_ATTACH) and CAP_NET_ADMIN over the namespace',
          },
        },
      ),
    );
  return steps;
}

/** Everything that is opened or checked beforehand. `named`: the joins before any were found by descriptor. */
export const openSteps = (arrangement: Arrangement, named: readonly Join[], facts: Facts): AnyStep[] => [
  ...holdTarget(facts),
  ...openFiles(arrangement, facts),
  ...openRelated(facts, named),
];

/** Where a joiner goes ahead of the clone. */
export function joinFirstStep(arrangement: Arrangement, facts: Facts): AnyStep[] {
  if (arrangement.early.length === 0) return [];
  const all = calls(arrangement.early, facts);
  const joined = all.flatMap((call) => call.joined);
  // A PID namespace alone changes nothing but where our children are born, and a person's
  // command is the only one; a container's parent still has hooks to start outside.
  if (facts.options && joined.length === 1 && joined[0] === 'pid')
    return [
      step(
        'clone',
        'setns',
        { fd: all[0]!.fd, flags: flagsOf(joined) },
        `join ${kindWords(joined)}${wherefrom(joined, facts, all[0]!.fd === pidfd, arrangement)}`,
        { side: 'host', hints: joinHints(joined, facts) },
      ),
    ];
  return [
    step(
      'clone',
      'join_first',
      { joins: all.flatMap(({ fd, joined }) => [fd, flagsOf(joined)]) },
      `have the command's process born in ${kindWords(joined)}`,
      { side: 'host', hints: joinHints(joined, facts) },
    ),
  ];
}

/** What the command's process joins itself. */
export function joinSteps(arrangement: Arrangement, facts: Facts): AnyStep[] {
  const all = calls(arrangement.late, facts);
  const steps = all.map(({ fd, joined }) =>
    step(
      'join',
      'setns',
      { fd, flags: joined.reduce((flags, kind) => flags + flagOf(kind), 0) },
      `join ${kindWords(joined)}${wherefrom(joined, facts, fd === pidfd, arrangement)}`,
      { hints: joinHints(joined, facts) },
    ),
  );
  const user = arrangement.joins.some((join) => join.kind === 'user');
  // As nsenter(1): groups are dropped before and after, and one of both is enough.
  if (user && !arrangement.held && facts.options && !facts.options.preserveCredentials)
    steps.unshift(
      step('join', 'setgroups', { gids: [] }, 'drop supplementary groups', { unless: ['EPERM'] }),
    );
  return steps;
}

function wherefrom(joined: readonly Kind[], facts: Facts, target: boolean, arrangement: Arrangement): string {
  if (target) return ` of process ${facts.target!.pid}`;
  const path = arrangement.joins.find((join) => join.kind === joined[0])?.path;
  return path ? ` ${path}` : '';
}
