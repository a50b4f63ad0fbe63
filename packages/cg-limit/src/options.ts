import { type Host, type Parsed, parseDuration, UsageError } from '@ctr-tools/cli';
import { type LinuxResources, parseId } from '@ctr-tools/oci';
import { type SortKey, sortKeys } from './act/tree.ts';
import { checkPath, isSystemdPath, parseApart } from './place.ts';
import { type ProcessPart, processOf } from './process.ts';
import { readResources } from './read-resources.ts';
import { resourcesOf } from './resources.ts';

export interface Owner {
  uid: number;
  gid: number;
}

export interface TimeLimit {
  /** How long the command may run, in ms. */
  after: number;
  /** How long it may take to end by SIGTERM, in ms. */
  grace: number;
}

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

const one = (parsed: Parsed, name: string): string | undefined => parsed.flags.get(name)?.[0];

/** Parse the values. Throws `UsageError`. */
export function options(parsed: Parsed, host: Host): Options {
  const document = one(parsed, 'resources');
  const resources = resourcesOf(parsed, document === undefined ? {} : readResources(document, host));
  const cgroup = one(parsed, 'cgroup');
  if (cgroup !== undefined && !isSystemdPath(cgroup) && !parseApart(cgroup))
    checked(() => checkPath(cgroup, '--cgroup'));
  const join = parsed.flags.has('join');
  const keep = parsed.flags.has('keep');
  if (join && Object.keys(resources).length > 0)
    throw new UsageError('--join enters a group as it is; to change its limits as well, use --update first');
  if (join && keep)
    throw new UsageError('--join never removes the group, so --keep says nothing; leave it out');
  const timeLimit = timeLimitOf(one(parsed, 'timeout'));
  const killLeft = parsed.flags.has('kill-left') || timeLimit !== undefined;
  if (killLeft && (join || keep))
    throw new UsageError(
      `--${timeLimit ? 'timeout' : 'kill-left'} ends what is in the group of a command, and --${join ? 'join' : 'keep'} leaves that alone`,
    );
  const owner = ownerOf(one(parsed, 'owner'));
  if (owner && join) throw new UsageError('--owner gives away a group that is made, and --join makes none');
  const manager = managerOf(one(parsed, 'manager'));
  const act = ['show', 'watch', 'update', 'move', 'freeze', 'thaw', 'kill', 'remove'].find((name) =>
    parsed.flags.has(name),
  );
  if (parsed.flags.has('json') && act !== 'show' && act !== 'watch')
    throw new UsageError('--json belongs to --show and --watch');
  const process = processOf(parsed);
  if (act !== undefined && Object.keys(process).length > 0)
    throw new UsageError(
      `limits of a process are set as it begins, and --${act} is about groups; prlimit --pid changes those of one that runs`,
    );
  const fromInside = parsed.flags.has('from-inside');
  if (fromInside && act !== 'update') throw new UsageError('--from-inside belongs to --update');
  const toParent = parsed.flags.has('to-parent');
  if (toParent && act !== 'remove') throw new UsageError('--to-parent belongs to --remove');
  const sort = sortOf(one(parsed, 'sort'), act);
  const making = (
    act === 'move'
      ? ['join', 'manager', 'kill-left', 'timeout', 'owner']
      : ['cgroup', 'keep', 'join', 'manager', 'kill-left', 'timeout', 'owner']
  ).find((name) => parsed.flags.has(name));
  if (act !== undefined && making !== undefined)
    throw new UsageError(`--${making} is about a group for a command; --${act} takes its target itself`);
  if (act === undefined && parsed.operands.length > 0)
    throw new UsageError(`"${parsed.operands[0]}" stands where nothing is expected`);
  return {
    resources,
    process,
    killLeft,
    ...(timeLimit && { timeLimit }),
    ...(owner && { owner }),
    join,
    keep,
    json: parsed.flags.has('json'),
    fromInside,
    toParent,
    ...(sort && { sort }),
    ...(cgroup !== undefined && { cgroup }),
    ...(manager && { manager }),
  };
}

function sortOf(word: string | undefined, act: string | undefined): SortKey | undefined {
  if (word === undefined) return undefined;
  if (act !== 'show' && act !== 'watch') throw new UsageError('--sort belongs to --show and --watch');
  const key = sortKeys.find((known) => known === word);
  if (!key) throw new UsageError(`--sort is "${word}"; it is ${sortKeys.join(', ')}`);
  return key;
}

function ownerOf(text: string | undefined): Owner | undefined {
  if (text === undefined) return undefined;
  const [user, group, more] = text.split(':');
  const uid = parseId(user!, '--owner');
  const gid = group === undefined ? uid : parseId(group, '--owner');
  if (uid === undefined || gid === undefined || more !== undefined)
    throw new UsageError(`--owner is "${text}"; it is UID or UID:GID in numbers`);
  return { uid, gid };
}

/** As `docker stop` has it. */
const GRACE = 10_000;
/** The launcher counts nanoseconds in 64 bits. */
const LONGEST = 100 * 365 * 86_400_000;

/** `TIME` or `TIME:GRACE`. */
function timeLimitOf(text: string | undefined): TimeLimit | undefined {
  if (text === undefined) return undefined;
  const [time, grace, more] = text.split(':');
  if (more !== undefined)
    throw new UsageError(`--timeout is "${text}"; it is TIME or TIME:GRACE, as 10m:30s`);
  const ms = (word: string): number => Number(parseDuration(word, 's', '--timeout') / 1_000_000n);
  const after = ms(time!);
  const most = grace === undefined ? GRACE : ms(grace);
  if (after === 0) throw new UsageError(`--timeout is "${text}"; the least is a millisecond`);
  if (after > LONGEST || most > LONGEST)
    throw new UsageError(`--timeout is "${text}"; a hundred years is the most`);
  return { after, grace: most };
}

function managerOf(word: string | undefined): 'files' | 'systemd' | undefined {
  if (word === undefined || word === 'files' || word === 'systemd') return word;
  throw new UsageError(`--manager is "${word}"; it is files or systemd`);
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
