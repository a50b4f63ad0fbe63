import type { Host, Parsed } from '@ctr-tools/cli';
import { UsageError } from '@ctr-tools/cli';
import { dockerCapabilities } from '@ctr-tools/oci';
import { fullMask, maskOf, parseCapabilities, parseChange, shortNames } from './capability-list.ts';
import { type IdentityOptions, parseIdentity } from './identity.ts';
import { lastCapability, setNames } from './privileges.ts';
import { parseSecurebits } from './securebits.ts';
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
  const { flags } = parsed;
  const values = (name: string): readonly string[] => flags.get(name) ?? [];
  const last = lastCapability();
  const list = (name: string): bigint =>
    values(name).reduce((mask, text) => mask | parseCapabilities(text, last), 0n);

  const starts = ['all', 'only', 'docker'].filter((name) => flags.has(name));
  if (starts.length > 1)
    throw new UsageError(`--${starts[0]} and --${starts[1]} both say what to begin with; give one`);
  const only = flags.has('all')
    ? 0n
    : flags.has('only')
      ? list('only')
      : flags.has('docker')
        ? maskOf(dockerCapabilities).mask
        : undefined;
  const sets: CapabilityOptions['sets'] = {};
  for (const name of setNames) if (flags.has(name)) sets[name] = parseChange(values(name), last);
  const capabilities: CapabilityOptions = {
    ...general(only, namedIn(values('drop'), last), namedIn(values('add'), last), last),
    sets,
  };
  if (capabilities.only !== only && flags.has('only'))
    throw new UsageError('--only says what to keep, and all is to be dropped or added; leave one out');
  if (flags.has('no-new-privs') && flags.has('allow-new-privs'))
    throw new UsageError('--no-new-privs and --allow-new-privs exclude one another');

  const options: CapsOptions = {
    capabilities,
    identity: parseIdentity(values('user')[0], values('group')[0], values('groups')),
    ...(flags.has('no-new-privs') && { noNewPrivileges: true }),
    ...(flags.has('allow-new-privs') && { noNewPrivileges: false }),
    ...(flags.has('securebits') && { securebits: parseSecurebits(values('securebits')[0]!) }),
    applies: parsed.command !== undefined,
    json: flags.has('json'),
    ...(flags.has('reset-env') && { resetEnv: true }),
  };
  const acts = [
    'show',
    'tree',
    'files',
    'set-file',
    'clear-file',
    'has',
    'decode',
    'show-capability',
    'learn',
  ].filter((name) => flags.has(name));
  const asked = asksForSomething(options);
  if (acts.length === 0 && !asked && !flags.has('why'))
    throw new UsageError(
      'nothing to change was given; --all drops every capability, --no-new-privs forbids new ones',
    );
  if (acts.length > 0 && asked)
    throw new UsageError(`--${acts[0]} changes nothing; leave out what is to be changed`);
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
