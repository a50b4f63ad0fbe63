import { UsageError } from '@ctr-tools/cli';
import { type Call, one } from '../subcommand.ts';

/** ns-enter's word for each namespace that a flag of docker-run(1) speaks of. */
const kinds = {
  network: 'net',
  pid: 'pid',
  ipc: 'ipc',
  uts: 'uts',
  cgroupns: 'cgroup',
  userns: 'user',
} as const;
type ModeFlag = keyof typeof kinds;

/** What a line says of namespaces, in ns-enter's flags. */
export interface Modes {
  /** Kinds that are the host's. */
  share: string[];
  /** Kinds that are joined, by the container whose they are. */
  join: Map<string, string[]>;
}

/** `--network host`, `--pid container:ID` and the like. Throws `UsageError`. */
export function modesOf(call: Call): Modes {
  const modes: Modes = { share: [], join: new Map() };
  for (const [flag, kind] of Object.entries(kinds) as [ModeFlag, string][]) {
    const word = one(call, flag);
    if (word === undefined) continue;
    const [, id] = /^container:(.+)$/.exec(word) ?? [];
    if (id !== undefined && ['network', 'pid', 'ipc'].includes(flag)) {
      modes.join.set(id, [...(modes.join.get(id) ?? []), kind]);
    } else if (word === 'host') modes.share.push(kind);
    else if (!isOwn(flag, word))
      throw new UsageError(`--${flag} ${word}: it is host${flag === 'userns' ? '' : ' or private'} here`);
  }
  return modes;
}

/** A word for what a container has anyway, namespaces of its own; and any network that it joins. */
const isOwn = (flag: ModeFlag, word: string): boolean =>
  flag === 'network' ? !word.startsWith('container:') : word === 'private' && flag !== 'userns';

/** The network that `--network` names; docker's word for its own bridge is ours for the one that is made up. */
export function givenNetwork(call: Call): string | undefined {
  const word = one(call, 'network');
  if (word === undefined || word === 'host' || word === 'none' || word.startsWith('container:'))
    return undefined;
  return word === 'bridge' ? 'default' : word;
}
