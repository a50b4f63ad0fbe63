import { actsOf, given, type Host, type Parsed, UsageError } from '@ctr-tools/cli';
import { flags } from './flags.ts';

export interface ConfineOptions {
  /** A profile's name; null takes it out of the spec. */
  profile?: string | null;
  /** A profile to be stacked on the present one. */
  stack?: string;
  selinux?: string | null;
  mountLabel?: string | null;
  /** A command follows: the options are applied to this very process. */
  applies: boolean;
  name?: string;
  namespace?: string;
  complain: boolean;
  json: boolean;
}

/** Parse the flags' values. Throws `UsageError`. */
export function parseOptions(parsed: Parsed, _host: Host): ConfineOptions {
  const values = given(flags, parsed);
  const { profile, stack, selinux, name, namespace, complain, json } = values;
  const mountLabel = values['mount-label'];
  const applies = parsed.command !== undefined;
  if (
    actsOf(flags, parsed).length === 0 &&
    [profile, stack, selinux, mountLabel].every((label) => label === undefined)
  )
    throw new UsageError('no label was given; --profile default is our own profile, --selinux LABEL a label');
  if (profile !== undefined && stack !== undefined)
    throw new UsageError('--profile replaces the profile that we are under, --stack keeps it; give one');
  if (applies && mountLabel !== undefined)
    throw new UsageError("--mount-label is for a container's mounts and has no place before a command");
  for (const [label, value] of Object.entries({ profile, selinux }))
    if (applies && value === null)
      throw new UsageError(
        `--${label} none takes it out of a spec; before a command it is --${label} ${label === 'profile' ? 'unconfined' : 'LABEL'}`,
      );
  return {
    ...(profile !== undefined && { profile }),
    ...(stack !== undefined && { stack }),
    ...(selinux !== undefined && { selinux }),
    ...(mountLabel !== undefined && { mountLabel }),
    ...(namespace !== undefined && { namespace }),
    ...(name !== undefined && { name }),
    applies,
    complain,
    json,
  };
}
