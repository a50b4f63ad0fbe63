import { type Host, type Parsed, UsageError } from '@ctr-tools/cli';
import { capabilityNumber } from '@ctr-tools/sys/constants';
import { type AbiName, abiNamed, abis } from './abi.ts';
import { type Source, sourceOf } from './source.ts';

export interface SeccompOptions {
  /** Profiles in the order given. */
  profiles: readonly Source[];
  /** Flags to be added to the profile's own. */
  flags: readonly ('SECCOMP_FILTER_FLAG_LOG' | 'SECCOMP_FILTER_FLAG_SPEC_ALLOW')[];
  listenerPath?: string;
  listenerMetadata?: string;
  strict: boolean;
  json: boolean;
  abi?: AbiName;
  caps?: ReadonlySet<string>;
  kernel?: string;
  /** Whether a command follows: apply, and not amend. */
  applies: boolean;
}

/** Parse flags and operands. Throws `UsageError`. */
export function parseOptions({ flags, operands, command }: Parsed, _host: Host): SeccompOptions {
  const one = (name: string): string | undefined => flags.get(name)?.[0];
  const acting = ['raw', 'test', 'explain', 'dump', 'diff', 'show', 'learn', 'notify'].find((name) =>
    flags.has(name),
  );
  if (operands.length === 0 && !acting)
    throw new UsageError('no profile is named; "default" is a good one, a file has a slash or ends in .json');
  if (operands.length > 1 && !command && !acting)
    throw new UsageError(`a spec holds one profile, not ${operands.length}; several filters need a command`);
  if (flags.has('socket') && acting !== 'notify' && acting !== 'learn')
    throw new UsageError('--socket goes with --notify');
  if (flags.has('container') && acting !== 'learn') throw new UsageError('--container goes with --learn');
  const listenerPath = one('listener');
  const listenerMetadata = one('listener-metadata');
  if (listenerMetadata !== undefined && listenerPath === undefined)
    throw new UsageError('--listener-metadata goes with --listener');
  const abi = abiOption(one('arch'));
  const caps = capsOption(one('caps'));
  const kernel = one('kernel');
  if (kernel !== undefined && !/^\d+\.\d+/.test(kernel))
    throw new UsageError(`--kernel ${kernel}: a version like 6.1 was expected`);
  return {
    profiles: operands.map(sourceOf),
    flags: [
      ...(flags.has('log') ? (['SECCOMP_FILTER_FLAG_LOG'] as const) : []),
      ...(flags.has('spec-allow') ? (['SECCOMP_FILTER_FLAG_SPEC_ALLOW'] as const) : []),
    ],
    ...(listenerPath !== undefined && { listenerPath }),
    ...(listenerMetadata !== undefined && { listenerMetadata }),
    strict: flags.has('strict'),
    json: flags.has('json'),
    ...(abi && { abi }),
    ...(caps && { caps }),
    ...(kernel !== undefined && { kernel }),
    applies: command !== undefined,
  };
}

function abiOption(word: string | undefined): AbiName | undefined {
  if (word === undefined) return undefined;
  const abi = abiNamed(word);
  if (!abi) throw new UsageError(`--arch ${word}: known are ${[...abis.keys()].join(', ')}`);
  return abi;
}

function capsOption(list: string | undefined): ReadonlySet<string> | undefined {
  if (list === undefined) return undefined;
  const caps = new Set<string>();
  for (const word of list.split(',').filter((w) => w !== '' && w !== 'none')) {
    const name = word.toUpperCase();
    const full = name.startsWith('CAP_') ? name : `CAP_${name}`;
    if (capabilityNumber(full) === undefined)
      throw new UsageError(`--caps ${list}: there is no capability ${word}`);
    caps.add(full);
  }
  return caps;
}
