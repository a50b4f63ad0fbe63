/** What does not go together. */

import { type Parsed, UsageError } from '@ctr-tools/cli';
import type { Given } from './flags.ts';
import { optionOf } from './kinds.ts';
import { has } from './option-combinations.ts';
import type { Options } from './options.ts';

/** What can be refused by the flags' presence alone. */
export function refuse(given: Given, { join, create }: Pick<Options, 'join' | 'create'>): void {
  for (const other of ['net', 'net-socket', 'root', 'mount'] as const)
    if (given.netns !== undefined && has(given, other))
      throw new UsageError(
        `--netns and --${other} do not go together: it is --net=NAME with a /sys and an /etc for it`,
      );
  if (!given.target) refuseWithoutTarget(given, join);
  const both = create.filter((kind) => join.some((j) => j.kind === kind));
  if (both.length > 0)
    throw new UsageError(`${both.map(optionOf).join(', ')}: either joined or created, not both`);
  if (has(given, 'wd') && has(given, 'wdns'))
    throw new UsageError('--wd and --wdns both say where to start; give one');
  if (has(given, 'fork') && has(given, 'no-fork'))
    throw new UsageError('--fork and --no-fork contradict one another');
  if (has(given, 'env') && has(given, 'clear-env'))
    throw new UsageError('--env and --clear-env contradict one another');
  if (has(given, 'net-socket') && join.some((j) => j.kind === 'network'))
    throw new UsageError('--net-socket and --net both name a network namespace; give one');
}

function refuseWithoutTarget(given: Given, join: Options['join']): void {
  const bare = join.filter((j) => j.file === undefined).map((j) => j.kind);
  if (bare.length > 0) {
    const flags = bare.map((kind) => `--${optionOf(kind)}`).join(' ');
    const example = optionOf(bare[0]!);
    throw new UsageError(
      `${flags}: join whose? Add --target PID, or --${example}=FILE; to create new namespaces: --new ${bare.map(optionOf).join(',')}`,
    );
  }
  for (const name of ['all', 'user-parent', 'net-socket', 'join-cgroup', 'follow-context', 'env'] as const)
    if (has(given, name)) throw new UsageError(`--${name} needs to know of which process: add --target PID`);
  for (const name of ['setuid', 'setgid'] as const)
    if (given[name] === 'follow') throw new UsageError(`--${name} follow needs --target PID`);
  if (given.wd === '')
    throw new UsageError('--wd without =DIR is the working directory of a --target, and there is none');
}

export function refuseCombinations(o: Options, parsed: Parsed): void {
  const applying = parsed.command !== undefined;
  if (applying && o.share.length > 0)
    throw new UsageError(
      '--share takes namespaces out of a spec; beside a command, leave out what you do not want from --new',
    );
  for (const kind of o.share)
    if (o.create.includes(kind)) throw new UsageError(`${optionOf(kind)}: either --new or --share, not both`);
  if (
    o.noFork &&
    (o.killChild !== undefined || o.statusFd !== undefined || pinned(o) || o.netdevs.length > 0)
  )
    throw new UsageError(
      '--no-fork leaves nobody for --kill-child, --status-fd, --pin or --netdev; leave it out',
    );
  if (!applying && o.pins.length > 0)
    throw new UsageError(
      `--new ${optionOf(o.pins[0]!.kind)}=FILE pins what a command is in, and a spec cannot say it; --${optionOf(o.pins[0]!.kind)}=FILE joins one that is there`,
    );
  if (o.pin !== undefined && o.create.length === 0)
    throw new UsageError('--pin keeps new namespaces; say which with --new');
  if (o.loopback && !o.create.includes('network') && !o.join.some((j) => j.kind === 'network'))
    throw new UsageError('--loopback brings up lo in a network namespace; add --new net');
  if (o.create.includes('network') || o.netdevs.length === 0) return;
  if (applying)
    throw new UsageError(
      '--netdev moves an interface into a new network namespace; it cannot be joined as well',
    );
}

/** Whether new namespaces are pinned, in a directory or on files. */
export const pinned = (o: Options): boolean => o.pin !== undefined || o.pins.length > 0;
