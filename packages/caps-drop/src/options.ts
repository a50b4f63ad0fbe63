import { actsOf, given, type Host, type Parsed, UsageError } from '@ctr-tools/cli';
import { dockerCapabilities } from '@ctr-tools/oci';
import { fullMask, maskOf, parseCapabilities, parseChange, shortNames } from './capability-list.ts';
import { flags } from './flags.ts';
import { type IdentityOptions, parseIdentity } from './identity.ts';
import { lastCapability, setNames } from './privileges.ts';
import { type CapabilityOptions, mentionsCapabilities } from './target.ts';

export interface CapsOptions {
  capabilities: CapabilityOptions;
  identity: IdentityOptions;
  /** true: set; false: taken back in a spec. */
  noNewPrivileges?: boolean;
  securebits?: number;
  /** A command follows: the options are applied to this very process. */
  applies: boolean;
  json: boolean;
  /** `--reset-env`: the environment is the user's own. */
  resetEnv?: boolean;
}

/** Parse the flags' values. Throws `UsageError`. */
export function parseOptions(parsed: Parsed, _host: Host): CapsOptions {
  const values = given(flags, parsed);
  const { all, only, docker, securebits } = values;
  const last = lastCapability();

  const starts = [
    ...(all ? (['all'] as const) : []),
    ...(only.length > 0 ? (['only'] as const) : []),
    ...(docker ? (['docker'] as const) : []),
  ];
  if (starts.length > 1)
    throw new UsageError(`--${starts[0]} and --${starts[1]} both say what to begin with; give one`);
  const kept = {
    all: () => 0n,
    only: () => only.reduce((mask, text) => mask | parseCapabilities(text, last), 0n),
    docker: () => maskOf(dockerCapabilities).mask,
  };
  const start = starts[0] && kept[starts[0]]();
  const sets: CapabilityOptions['sets'] = {};
  for (const name of setNames) if (values[name].length > 0) sets[name] = parseChange(values[name], last);
  const capabilities: CapabilityOptions = {
    ...general(start, namedIn(values.drop, last), namedIn(values.add, last), last),
    sets,
  };
  if (capabilities.only !== start && starts[0] === 'only')
    throw new UsageError('--only says what to keep, and all is to be dropped or added; leave one out');
  if (values['no-new-privs'] && values['allow-new-privs'])
    throw new UsageError('--no-new-privs and --allow-new-privs exclude one another');

  const options: CapsOptions = {
    capabilities,
    identity: parseIdentity(values.user, values.group, values.groups),
    ...(values['no-new-privs'] && { noNewPrivileges: true }),
    ...(values['allow-new-privs'] && { noNewPrivileges: false }),
    ...(securebits !== undefined && { securebits }),
    applies: parsed.command !== undefined,
    json: values.json,
    ...(values['reset-env'] && { resetEnv: true }),
  };
  if (actsOf(flags, parsed).length === 0 && !asksForSomething(options))
    throw new UsageError(
      'nothing to change was given; --all drops every capability, --no-new-privs forbids new ones',
    );
  return options;
}

/** What a list names by name, and whether `all` is among its words. */
interface Named {
  mask: bigint;
  all: boolean;
}

function namedIn(texts: readonly string[], last: number): Named {
  const words = texts.flatMap((text) => text.split(',')).map((word) => word.trim());
  const names = words.filter((word) => word.toLowerCase() !== 'all');
  return {
    mask: names.reduce((mask, word) => mask | parseCapabilities(word, last), 0n),
    all: names.length < words.length,
  };
}

/**
 * `--drop` and `--add`, in any order. As docker-run(1) means them: all dropped and some added is these
 * only, all added and some dropped is all but these (moby, TweakCapabilities in oci/caps).
 */
function general(
  only: bigint | undefined,
  drop: Named,
  add: Named,
  last: number,
): Omit<CapabilityOptions, 'sets'> {
  const both = drop.mask & add.mask;
  if (both || (drop.all && add.all))
    throw new UsageError(`${both ? shortNames(both) : 'all'} is to be dropped and added at once`);
  if (drop.all) return { only: add.mask, drop: 0n, add: 0n };
  if (add.all && drop.mask) return { only: fullMask(last) & ~drop.mask, drop: drop.mask, add: 0n };
  return {
    ...(only !== undefined && { only }),
    drop: drop.mask,
    add: add.all ? fullMask(last) : add.mask,
  };
}

const asksForSomething = ({
  capabilities,
  identity,
  noNewPrivileges,
  securebits,
  resetEnv = false,
}: CapsOptions): boolean =>
  mentionsCapabilities(capabilities) ||
  Object.keys(identity).length > 0 ||
  noNewPrivileges !== undefined ||
  securebits !== undefined ||
  resetEnv;
