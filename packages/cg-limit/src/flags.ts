import type { Flag } from '@ctr-tools/cli';
import { type Controller, OTHERS } from './controllers/controller.ts';
import { controllers } from './controllers/index.ts';
import { rlimitFlags } from './process.ts';
import { setFlag } from './unified.ts';

const own = "The command's own process (prlimit(1), nice(1), ionice(1), chrt(1))";
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

export const flags: readonly Flag[] = [
  ...limits,
  setFlag,
  {
    name: 'resources',
    value: 'FILE',
    group: OTHERS,
    help: 'limits from an OCI resources document; - reads stdin',
  },
  ...Object.entries(rlimitFlags).map(
    ([name, [, unit, help]]): Flag => ({
      name,
      value: unit === 'bytes' ? 'SIZE[:HARD]' : 'N[:HARD]',
      group: own,
      help,
    }),
  ),
  {
    name: 'ulimit',
    value: 'NAME=SOFT[:HARD]',
    many: true,
    group: own,
    help: 'any of these by its name, as docker run has it; unlimited for none',
  },
  { name: 'nice', value: 'N', group: own, help: 'share of the CPU against others, -20 (most) to 19' },
  { name: 'scheduler', value: 'POLICY[:PRIORITY]', group: own, help: 'other, batch, idle, fifo:N, rr:N' },
  { name: 'ionice', value: 'CLASS[:LEVEL]', group: own, help: 'I/O class: be:0 to be:7, idle, rt:N' },
  {
    name: 'cgroup',
    value: 'PATH',
    group,
    help: 'name the group: /a/b from the root, a/b below the own group, slice:prefix:name for a scope of systemd, ::a.slice for a slice',
  },
  { name: 'join', group, help: 'enter a group that exists, and remove nothing', applyOnly: true },
  { name: 'keep', group, help: 'leave the group behind, and nobody waiting for its end', applyOnly: true },
  {
    name: 'owner',
    value: 'UID[:GID]',
    group,
    help: 'give the group to somebody, who may then make groups in it and move own processes there; its limits stay ours',
    applyOnly: true,
  },
  {
    name: 'kill-left',
    group,
    help: 'kill whatever is left in the group when the command has ended, what has gone into a session of its own too',
    applyOnly: true,
  },
  {
    name: 'timeout',
    value: 'TIME[:GRACE]',
    group,
    help: 'end all of it after this time, as 90s or 1h30m: with SIGTERM, and what is left after GRACE (10s) with SIGKILL; then the exit code is 124. Nothing outlives the command, as with --kill-left',
    applyOnly: true,
  },
  {
    name: 'manager',
    value: 'WHO',
    group,
    help: 'files or systemd make the group; systemd where it runs',
    applyOnly: true,
  },
  {
    name: 'show',
    value: '[TARGET]',
    act: 'asks',
    operands: 'tool',
    group: acts,
    help: 'limits beside use, peak, pressure and counts; without TARGET the tree of all groups',
  },
  {
    name: 'watch',
    value: '[TARGET]',
    act: 'asks',
    operands: 'tool',
    node: true,
    group: acts,
    help: 'the same, live: without TARGET all groups, sorted by a key (m, c, p, n); q quits. With --json a line each second',
  },
  { name: 'json', group: acts, help: 'as JSON', applyOnly: true },
  {
    name: 'sort',
    value: 'KEY',
    group: acts,
    help: 'all groups in which something runs as a list, by memory, cpu, processes or name',
    applyOnly: true,
  },
  {
    name: 'update',
    value: 'TARGET',
    act: 'changes',
    operands: 'tool',
    group: acts,
    help: 'change the limits of what runs, all or none',
  },
  {
    name: 'from-inside',
    group: acts,
    help: 'let --update change a group that the caller is in, and so limit the caller too',
    applyOnly: true,
  },
  {
    name: 'move',
    value: 'PID',
    act: 'changes',
    operands: 'tool',
    group: acts,
    help: 'put a process that runs, and its children from then on, under limits of its own; back at its end or Ctrl-C. With --keep nobody waits',
  },
  {
    name: 'freeze',
    value: 'TARGET',
    act: 'changes',
    operands: 'tool',
    group: acts,
    help: 'stop all of its processes',
  },
  { name: 'thaw', value: 'TARGET', act: 'changes', operands: 'tool', group: acts, help: 'let them go on' },
  {
    name: 'kill',
    value: 'TARGET',
    act: 'changes',
    operands: 'tool',
    group: acts,
    help: 'kill all of its processes and those in the groups below',
  },
  {
    name: 'remove',
    value: 'TARGET',
    act: 'changes',
    operands: 'tool',
    group: acts,
    help: 'remove its empty group and the groups below',
  },
  {
    name: 'to-parent',
    group: acts,
    help: 'with --remove: its processes go to the group above, instead of a refusal',
    applyOnly: true,
  },
];
