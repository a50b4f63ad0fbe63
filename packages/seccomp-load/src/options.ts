import { type Host, isEngineTarget, type Parsed, processTarget, UsageError } from '@ctr-tools/cli';
import { dockerCapabilities } from '@ctr-tools/oci';
import { capabilitiesOf, capabilityName, capabilityNumber } from '@ctr-tools/sys/constants';
import { readStatus } from '@ctr-tools/sys/proc';
import { type AbiName, abiNamed, abis } from './abi.ts';
import { parseCalls } from './deny.ts';
import { everything, type Source, sourceOf } from './source.ts';

export interface SeccompOptions {
  /** Profiles in the order given. */
  profiles: readonly Source[];
  /** Flags to be added to the profile's own. */
  flags: readonly ('SECCOMP_FILTER_FLAG_LOG' | 'SECCOMP_FILTER_FLAG_SPEC_ALLOW')[];
  listenerPath?: string;
  listenerMetadata?: string;
  /** Calls that are refused besides. */
  deny: readonly string[];
  strict: boolean;
  json: boolean;
  abi?: AbiName;
  caps?: ReadonlySet<string>;
  kernel?: string;
  /** Whether a command follows: apply, and not amend. */
  applies: boolean;
}

/** Parse flags and operands. Throws `UsageError`. */
export function parseOptions({ flags, operands, command }: Parsed, host: Host): SeccompOptions {
  const one = (name: string): string | undefined => flags.get(name)?.[0];
  const acting = ['raw', 'test', 'explain', 'dump', 'diff', 'merge', 'show', 'learn', 'notify', 'why'].find(
    (name) => flags.has(name),
  );
  const deny = parseCalls(flags.get('deny') ?? []);
  if (deny.length > 0 && ['show', 'learn', 'notify'].some((name) => flags.has(name)))
    throw new UsageError('--deny takes calls from a profile; --show, --learn and --notify have none');
  const named = deny.length > 0 && operands.length === 0;
  if (operands.length === 0 && !acting && !named)
    throw new UsageError('no profile is named; "default" is a good one, a file has a slash or ends in .json');
  if (operands.length > 1 && !command && !acting)
    throw new UsageError(`a spec holds one profile, not ${operands.length}; several filters need a command`);
  if (flags.has('socket') && acting !== 'notify' && acting !== 'learn' && acting !== 'why')
    throw new UsageError('--socket goes with --notify');
  if (flags.has('container') && acting !== 'learn') throw new UsageError('--container goes with --learn');
  const listenerPath = one('listener');
  const listenerMetadata = one('listener-metadata');
  if (listenerMetadata !== undefined && listenerPath === undefined)
    throw new UsageError('--listener-metadata goes with --listener');
  const abi = abiOption(one('arch'));
  const caps = capsOption(one('caps'), host);
  const kernel = one('kernel');
  if (kernel !== undefined && !/^\d+\.\d+/.test(kernel))
    throw new UsageError(`--kernel ${kernel}: a version like 6.1 was expected`);
  return {
    profiles: [
      ...shown(one('show'), acting, command !== undefined, host),
      ...operands.map((word) => deniable(sourceOf(word), deny)),
      ...(named ? [everything] : []),
    ],
    flags: [
      ...(flags.has('log') ? (['SECCOMP_FILTER_FLAG_LOG'] as const) : []),
      ...(flags.has('spec-allow') ? (['SECCOMP_FILTER_FLAG_SPEC_ALLOW'] as const) : []),
    ],
    ...(listenerPath !== undefined && { listenerPath }),
    ...(listenerMetadata !== undefined && { listenerMetadata }),
    deny,
    strict: flags.has('strict'),
    json: flags.has('json'),
    ...(abi && { abi }),
    ...(caps && { caps }),
    ...(kernel !== undefined && { kernel }),
    applies: command !== undefined,
  };
}

/** Calls can be taken from no filter at all only where there is one. */
const deniable = (source: Source, deny: readonly string[]): Source =>
  deny.length > 0 && 'name' in source && source.name === 'unconfined' ? everything : source;

/** Beside another act `--show=PID` names the process whose filters that act is about. */
function shown(word: string | undefined, acting: string | undefined, applies: boolean, host: Host): Source[] {
  if (word === undefined || acting === 'show') return [];
  if (applies) throw new UsageError('--show=PID beside --raw writes what a process has; it takes no command');
  return [{ pid: processTarget(word, host, '--show') }];
}

function abiOption(word: string | undefined): AbiName | undefined {
  if (word === undefined) return undefined;
  const abi = abiNamed(word);
  if (!abi) throw new UsageError(`--arch ${word}: known are ${[...abis.keys()].join(', ')}`);
  return abi;
}

/** `docker`, `none`, a PID, or a list: the bounding set that is asked about. */
function capsOption(text: string | undefined, host: Host): ReadonlySet<string> | undefined {
  if (text === undefined) return undefined;
  if (text === 'docker') return new Set(dockerCapabilities);
  if (text === 'none') return new Set();
  // A container of ours is written id:NAME here, for a bare word is a capability's name.
  if (/^\d+$|^id:/.test(text) || isEngineTarget(text)) return boundingOf(processTarget(text, host, '--caps'));
  const caps = new Set<string>();
  for (const word of text.split(',').filter((w) => w !== '' && w !== 'none')) {
    const name = word.toUpperCase();
    const full = name.startsWith('CAP_') ? name : `CAP_${name}`;
    if (capabilityNumber(full) === undefined)
      throw new UsageError(
        `--caps ${text}: there is no capability ${word}; docker, none and a PID are words of their own`,
      );
    caps.add(full);
  }
  return caps;
}

function boundingOf(pid: number): ReadonlySet<string> {
  try {
    return new Set(capabilitiesOf(readStatus(pid).bounding).map(capabilityName));
  } catch {
    throw new UsageError(`--caps ${pid}: there is no such process`);
  }
}
