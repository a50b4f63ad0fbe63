import { COMMAND, type Flag, flag, UsageError } from '@ctr-tools/cli';
import { parseId } from '@ctr-tools/oci';
import { sortKeys } from './act/tree.ts';
import { type Controller, OTHERS } from './controllers/controller.ts';
import { controllers } from './controllers/index.ts';
import { processFlags } from './process.ts';
import { timeLimitOf } from './time-limit.ts';
import { setFlag } from './unified.ts';

export interface Owner {
  uid: number;
  gid: number;
}

const group = 'The group';
const acts = 'Acts (TARGET is a PID, path, slice or container; several may follow)';

/** The headings of the help, in their order; what only v1 has stands at the end of its own. */
const headings = [...new Set(controllers.flatMap(({ flags }) => flags.map(({ group }) => group)))];

const byHeading = [...headings.filter((one) => one !== OTHERS), OTHERS];
const v1Only = ({ flags }: Controller): boolean => flags.every(({ shown }) => shown[2] === undefined);
const limits: readonly Flag[] = byHeading.flatMap((heading) =>
  controllers
    .toSorted((a, b) => Number(v1Only(a)) - Number(v1Only(b)))
    .flatMap((one) => one.flags.filter(({ group }) => group === heading)),
);

const limiting = [COMMAND, 'update', 'move'];

const documentFlag = flag.text('resources', {
  valueHint: 'FILE',
  group: OTHERS,
  description: 'limits from an OCI resources document; - reads stdin',
  acts: limiting,
});

const groupFlags = [
  flag.text('cgroup', {
    valueHint: 'PATH',
    group,
    description:
      'name the group: /a/b from the root, a/b below the own group, slice:prefix:name for a scope of systemd, ::a.slice for a slice',
    acts: [COMMAND, 'move'],
  }),
  flag.yes('join', { group, description: 'enter a group that exists, and remove nothing', applyOnly: true }),
  flag.yes('keep', {
    group,
    description: 'leave the group behind, and nobody waiting for its end',
    applyOnly: true,
    acts: [COMMAND, 'move'],
  }),
  flag.of(
    'owner',
    {
      valueHint: 'UID[:GID]',
      group,
      description:
        'give the group to somebody, who may then make groups in it and move own processes there; its limits stay ours',
      applyOnly: true,
    },
    (text, spelled): Owner => {
      const [user, gid, more] = text.split(':');
      const uid = parseId(user!, spelled);
      const id = gid === undefined ? uid : parseId(gid, spelled);
      if (uid === undefined || id === undefined || more !== undefined)
        throw new UsageError(`${spelled} is "${text}"; it is UID or UID:GID in numbers`);
      return { uid, gid: id };
    },
  ),
  flag.yes('kill-left', {
    group,
    description:
      'kill whatever is left in the group when the command has ended, what has gone into a session of its own too',
    applyOnly: true,
  }),
  flag.of(
    'timeout',
    {
      valueHint: 'TIME[:GRACE]',
      group,
      description:
        'end all of it after this time, as 90s or 1h30m: with SIGTERM, and what is left after GRACE (10s) with SIGKILL; then the exit code is 124. Nothing outlives the command, as with --kill-left',
      applyOnly: true,
    },
    timeLimitOf,
  ),
  flag.word('manager', ['files', 'systemd'], {
    valueHint: 'WHO',
    group,
    description: 'files or systemd make the group; systemd where it runs',
    applyOnly: true,
  }),
] as const;

const besideShow = [
  flag.yes('json', { group: acts, description: 'as JSON', acts: ['show', 'watch'] }),
  flag.word('sort', sortKeys, {
    valueHint: 'KEY',
    group: acts,
    description: 'all groups in which something runs as a list, by memory, cpu, processes or name',
    acts: ['show', 'watch'],
  }),
] as const;

const fromInside = flag.yes('from-inside', {
  group: acts,
  description: 'let --update change a group that the caller is in, and so limit the caller too',
  acts: ['update'],
});

const toParent = flag.yes('to-parent', {
  group: acts,
  description: 'with --remove: its processes go to the group above, instead of a refusal',
  acts: ['remove'],
});

/** Whose values are options; those of limits are read by `resourcesOf` and `processOf`. */
export const optionFlags = [documentFlag, ...groupFlags, ...besideShow, fromInside, toParent] as const;

export const flags: readonly Flag[] = [
  ...[...limits, setFlag].map((one): Flag => ({ ...one, acts: limiting })),
  documentFlag,
  ...processFlags,
  ...groupFlags,
  {
    name: 'show',
    valueHint: '[TARGET]',
    act: 'asks',
    operands: 'tool',
    group: acts,
    description: 'limits beside use, peak, pressure and counts; without TARGET the tree of all groups',
  },
  {
    name: 'watch',
    valueHint: '[TARGET]',
    act: 'asks',
    operands: 'tool',
    node: true,
    group: acts,
    description:
      'the same, live: without TARGET all groups, sorted by a key (m, c, p, n); q quits. With --json a line each second',
  },
  ...besideShow,
  {
    name: 'update',
    valueHint: 'TARGET',
    act: 'changes',
    operands: 'tool',
    group: acts,
    description: 'change the limits of what runs, all or none',
  },
  fromInside,
  {
    name: 'move',
    valueHint: 'PID',
    act: 'changes',
    operands: 'tool',
    group: acts,
    description:
      'put a process that runs, and its children from then on, under limits of its own; back at its end or Ctrl-C. With --keep nobody waits',
  },
  {
    name: 'freeze',
    valueHint: 'TARGET',
    act: 'changes',
    operands: 'tool',
    group: acts,
    description: 'stop all of its processes',
  },
  {
    name: 'thaw',
    valueHint: 'TARGET',
    act: 'changes',
    operands: 'tool',
    group: acts,
    description: 'let them go on',
  },
  {
    name: 'kill',
    valueHint: 'TARGET',
    act: 'changes',
    operands: 'tool',
    group: acts,
    description: 'kill all of its processes and those in the groups below',
  },
  {
    name: 'remove',
    valueHint: 'TARGET',
    act: 'changes',
    operands: 'tool',
    group: acts,
    description: 'remove its empty group and the groups below',
  },
  toParent,
];
