import {
  actsOf,
  given,
  type Host,
  isEngineTarget,
  type Parsed,
  processTarget,
  UsageError,
} from '@ctr-tools/cli';
import { dockerCapabilities } from '@ctr-tools/oci';
import { capabilitiesOf, capabilityName, capabilityNumber } from '@ctr-tools/sys/constants';
import { readStatus } from '@ctr-tools/sys/proc';
import type { AbiName } from './abi.ts';
import { parseCalls } from './deny.ts';
import { flags } from './flags.ts';
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
export function parseOptions(parsed: Parsed, host: Host): SeccompOptions {
  const { operands, command } = parsed;
  const values = given(flags, parsed);
  const { listener, arch, kernel } = values;
  const metadata = values['listener-metadata'];
  const acting = actsOf(flags, parsed)[0]?.name;
  const deny = parseCalls(values.deny);
  const named = deny.length > 0 && operands.length === 0;
  if (operands.length === 0 && !acting && !named)
    throw new UsageError('no profile is named; "default" is a good one, a file has a slash or ends in .json');
  if (operands.length > 1 && !command && !acting)
    throw new UsageError(`a spec holds one profile, not ${operands.length}; several filters need a command`);
  if (metadata !== undefined && listener === undefined)
    throw new UsageError('--listener-metadata goes with --listener');
  const caps = capsOption(values.caps, host);
  return {
    profiles: [
      ...shown(values.show, acting, { applies: command !== undefined, denies: deny.length > 0 }, host),
      ...operands.map((word) => deniable(sourceOf(word), deny)),
      ...(named ? [everything] : []),
    ],
    flags: [
      ...(values.log ? (['SECCOMP_FILTER_FLAG_LOG'] as const) : []),
      ...(values['spec-allow'] ? (['SECCOMP_FILTER_FLAG_SPEC_ALLOW'] as const) : []),
    ],
    ...(listener !== undefined && { listenerPath: listener }),
    ...(metadata !== undefined && { listenerMetadata: metadata }),
    deny,
    strict: values.strict,
    json: values.json,
    ...(arch && { abi: arch }),
    ...(caps && { caps }),
    ...(kernel !== undefined && { kernel }),
    applies: command !== undefined,
  };
}

/** Calls can be taken from no filter at all only where there is one. */
const deniable = (source: Source, deny: readonly string[]): Source =>
  deny.length > 0 && 'name' in source && source.name === 'unconfined' ? everything : source;

/** Beside another act `--show=PID` names the process whose filters that act is about. */
function shown(
  word: string | undefined,
  acting: string | undefined,
  { applies, denies }: { applies: boolean; denies: boolean },
  host: Host,
): Source[] {
  if (word === undefined) return [];
  if (denies)
    throw new UsageError('--deny takes calls from a profile, and what --show=PID shows is compiled');
  if (acting === 'show') return [];
  if (applies) throw new UsageError('--show=PID beside --raw writes what a process has; it takes no command');
  return [{ pid: processTarget(word, host, '--show') }];
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
