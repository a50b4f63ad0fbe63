import { actsOf, given, type Host, type Parsed, UsageError } from '@ctr-tools/cli';
import type { LinuxResources } from '@ctr-tools/oci';
import type { SortKey } from './act/tree.ts';
import { flags, type Owner, optionFlags } from './flags.ts';
import { checkPath, isSystemdPath, parseApart } from './place.ts';
import { type ProcessPart, processOf } from './process.ts';
import { readResources } from './read-resources.ts';
import { resourcesOf } from './resources.ts';
import type { TimeLimit } from './time-limit.ts';

/** The command line once parsed: a section of a spec, and what has no place in one. */
export interface Options {
  /** Only what was given. */
  resources: LinuxResources;
  /** Of the command's own process; empty where nothing was given. */
  process: ProcessPart;
  cgroup?: string;
  join: boolean;
  keep: boolean;
  manager?: 'files' | 'systemd';
  json: boolean;
  /** Whose the group is to be (cgroups(7), Delegation). */
  owner?: Owner;
  /** What is left when the command has ended is killed. */
  killLeft: boolean;
  /** Milliseconds; what is left when the command has ended is killed then, too. */
  timeLimit?: TimeLimit;
  /** The caller may be in the group that is updated. */
  fromInside: boolean;
  /** `--show`: the groups as a list. */
  sort?: SortKey;
  /** `--remove`: what runs there goes to the group above. */
  toParent: boolean;
}

/** Parse the values. Throws `UsageError`. */
export function options(parsed: Parsed, host: Host): Options {
  const values = given(optionFlags, parsed);
  const { resources: document, cgroup, join, keep, owner, manager, sort } = values;
  const resources = resourcesOf(parsed, document === undefined ? {} : readResources(document, host));
  if (cgroup !== undefined && !isSystemdPath(cgroup) && !parseApart(cgroup))
    checked(() => checkPath(cgroup, '--cgroup'));
  if (join && Object.keys(resources).length > 0)
    throw new UsageError('--join enters a group as it is; to change its limits as well, use --update first');
  if (join && keep)
    throw new UsageError('--join never removes the group, so --keep says nothing; leave it out');
  const timeLimit = values.timeout;
  const killLeft = values['kill-left'] || timeLimit !== undefined;
  if (killLeft && (join || keep))
    throw new UsageError(
      `--${timeLimit ? 'timeout' : 'kill-left'} ends what is in the group of a command, and --${join ? 'join' : 'keep'} leaves that alone`,
    );
  if (owner && join) throw new UsageError('--owner gives away a group that is made, and --join makes none');
  if (actsOf(flags, parsed).length === 0 && parsed.operands.length > 0)
    throw new UsageError(`"${parsed.operands[0]}" stands where nothing is expected`);
  return {
    resources,
    process: processOf(parsed),
    killLeft,
    ...(timeLimit && { timeLimit }),
    ...(owner && { owner }),
    join,
    keep,
    json: values.json,
    fromInside: values['from-inside'],
    toParent: values['to-parent'],
    ...(sort && { sort }),
    ...(cgroup !== undefined && { cgroup }),
    ...(manager && { manager }),
  };
}

/** Whether nothing was asked but what the command's own process is limited by: that takes no group. */
export const needsNoGroup = (o: Options): boolean =>
  Object.keys(o.process).length > 0 &&
  Object.keys(o.resources).length === 0 &&
  !o.join &&
  !o.keep &&
  !o.killLeft &&
  o.owner === undefined &&
  o.cgroup === undefined &&
  o.manager === undefined;

/** A mistake in a value is one of the command line. */
function checked(check: () => void): void {
  try {
    check();
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}
