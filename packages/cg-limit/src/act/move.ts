/** `--move PID`: a process that runs, under limits of its own, and back when it or this has ended. */
import { err, Failure, type Host, UsageError, withOwn } from '@ctr-tools/cli';
import { readText } from '@ctr-tools/host';
import { ociVersion } from '@ctr-tools/oci';
import { type AnyStep, slot, step, undo } from '@ctr-tools/plan';
import { gather } from '../gather.ts';
import { hierarchiesOf } from '../layout.ts';
import type { Options } from '../options.ts';
import { groupsFor } from '../steps.ts';
import { ownUnit } from '../systemd/choose.ts';
import { View } from '../view.ts';

const side = 'host';

/**
 * The group is made as one for a command of the process would be, and the process is moved into it; its children
 * from then on are born there (cgroups(7)). Whoever stays moves all of them back, and removes the group, when the process
 * has ended or a signal comes; with `keep` nobody stays.
 */
export function moveSteps(text: string, given: Options, host: Host): AnyStep[] {
  if (!/^[1-9]\d*$/.test(text)) throw new UsageError(`--move "${text}": a PID was expected`);
  const pid = Number(text);
  if (Object.keys(given.resources).length === 0)
    throw new UsageError('--move needs a limit for the process: cg-limit --move PID --memory 64M');
  const ticks = startOf(pid);
  const hierarchies = hierarchiesOf(pid);
  const unit = ownUnit(hierarchies, new View());
  // The group of an outer cg-limit is the caller's, and not the process's.
  const env = new Map([...host.env].filter(([name]) => name !== 'CTR_CGROUP'));
  const options = { ...given, manager: 'files' } as const;
  const named = withOwn(host, { env, pid });
  const facts = gather(options, { ociVersion }, named, hierarchies);
  const { groups, steps } = groupsFor(given.resources, { ...facts, container: false });
  if (unit && !unit.delegated && given.cgroup === undefined)
    err(
      `cg-limit: process ${pid} leaves ${unit.name}, whose limits do not hold for it meanwhile, and whose stop does not end it\n`,
    );
  const pidfd = slot('moved');
  return [
    step('state', 'pidfd_open', { pid, pidfd }, `hold process ${pid}`, {
      side,
      hints: { ESRCH: 'it has ended' },
    }),
    step('state', 'start_time', { pid, ticks: slot('ticks') }, `look at process ${pid}`, { side }),
    step('state', 'expect', { found: slot('ticks'), wanted: ticks }, `find process ${pid} again`, {
      side,
      hints: { ESRCH: "it has ended, and its PID is another's" },
    }),
    ...steps,
    ...groups.map(({ directory, home, above }) => {
      // Where the group above had to be emptied first, this is where its processes are.
      const last = above.at(-1);
      const back = last?.ours && last.directory === home ? `${home}/own` : home!;
      return step(
        'cgroup-join',
        'write',
        { path: `${directory}/cgroup.procs`, data: String(pid) },
        `move process ${pid} into ${directory}`,
        {
          side,
          hints: {
            ESRCH: 'it has ended',
            EACCES:
              'moving a process needs the right to write the group that holds both places (cgroups(7), Delegation)',
            EINVAL: 'it is a thread of the kernel, or a realtime process that needs cpu.rt_runtime_us',
          },
          undo: undo(
            given.keep ? 'failure' : 'end',
            'cgroup_vacate',
            { path: directory, leaf: back },
            `move the processes of ${directory} back to ${back}`,
          ),
        },
      );
    }),
    ...(given.keep
      ? []
      : [step('supervise', 'await_end', { pidfd }, `wait for the end of process ${pid}`, { side })]),
  ];
}

/** Field 22 of proc_pid_stat(5), behind a name that may hold anything. */
function startOf(pid: number): string {
  let text: string;
  try {
    text = readText(`/proc/${pid}/stat`);
  } catch {
    throw new Failure(`there is no process ${pid}`);
  }
  return text.slice(text.lastIndexOf(')') + 2).split(' ')[19]!;
}
