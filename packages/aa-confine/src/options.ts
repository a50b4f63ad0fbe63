import { type Host, type Parsed, UsageError } from '@ctr-tools/cli';
import { parseProfile } from './name.ts';

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

const acts = ['load', 'replace', 'unload', 'render', 'show', 'list'];
const orNone = (value: string): string | null => (value === 'none' ? null : value);

/** Parse the flags' values. Throws `UsageError`. */
export function parseOptions(parsed: Parsed, _host: Host): ConfineOptions {
  const { flags } = parsed;
  const value = (name: string): string | undefined => flags.get(name)?.[0];
  const applies = parsed.command !== undefined;
  const act = acts.find((name) => flags.has(name));
  const settings = ['profile', 'stack', 'selinux', 'mount-label'].filter((name) => flags.has(name));
  const helpers = ['name', 'complain', 'namespace', 'json'].filter((name) => flags.has(name));
  if (act && settings[0]) throw new UsageError(`--${act} confines nothing; leave out --${settings[0]}`);
  if (!act && helpers[0])
    throw new UsageError(`--${helpers[0]} goes with --${acts.slice(0, 4).join(', --')} or --list`);
  if (!act && settings.length === 0)
    throw new UsageError('no label was given; --profile default is our own profile, --selinux LABEL a label');
  if (flags.has('profile') && flags.has('stack'))
    throw new UsageError('--profile replaces the profile that we are under, --stack keeps it; give one');
  if (applies && flags.has('mount-label'))
    throw new UsageError("--mount-label is for a container's mounts and has no place before a command");
  for (const name of ['profile', 'selinux'])
    if (applies && value(name) === 'none')
      throw new UsageError(
        `--${name} none takes it out of a spec; before a command it is --${name} ${name === 'profile' ? 'unconfined' : 'LABEL'}`,
      );
  const profile = value('profile');
  const selinux = value('selinux');
  const mountLabel = value('mount-label');
  for (const label of [selinux, mountLabel]) if (label !== undefined && label !== 'none') checkLabel(label);
  const namespace = value('namespace');
  if (namespace !== undefined && !/^[\w.-]+(?:\/\/[\w.-]+)*$/.test(namespace))
    throw new UsageError(
      `--namespace ${namespace}: a name of letters, digits and _ . -, parts of it parted by //`,
    );
  return {
    ...(profile !== undefined && { profile: profile === 'none' ? null : parseProfile(profile) }),
    ...(flags.has('stack') && { stack: parseProfile(value('stack')!) }),
    ...(selinux !== undefined && { selinux: orNone(selinux) }),
    ...(mountLabel !== undefined && { mountLabel: orNone(mountLabel) }),
    ...(namespace !== undefined && { namespace }),
    ...(flags.has('name') && { name: parseProfile(value('name')!) }),
    applies,
    complain: flags.has('complain'),
    json: flags.has('json'),
  };
}

/** user:role:type, and a level with its categories (selinux(8)). */
function checkLabel(label: string): void {
  if (!/^[^:\s]+:[^:\s]+:[^:\s]+(?::\S+)?$/.test(label))
    throw new UsageError(`"${label}" is no SELinux label; it has the form user:role:type:level`);
}
