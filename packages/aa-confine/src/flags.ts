import { flag, UsageError } from '@ctr-tools/cli';
import { parseProfile } from './name.ts';

const apparmor = 'AppArmor';
const selinux = 'SELinux';
const load = 'Loading profiles (root, and apparmor_parser of the package apparmor)';
const ask = 'Asking';

const orNone = (value: string): string | null => (value === 'none' ? null : value);

/** user:role:type, and a level with its categories (selinux(8)); `none` takes one out of a spec. */
function labelOf(label: string): string | null {
  if (label !== 'none' && !/^[^:\s]+:[^:\s]+:[^:\s]+(?::\S+)?$/.test(label))
    throw new UsageError(`"${label}" is no SELinux label; it has the form user:role:type:level`);
  return orNone(label);
}

const labels = [
  flag.of(
    'profile',
    {
      alias: ['p'],
      valueHint: 'NAME',
      description:
        'the profile for the command: a name, default (our own), unconfined; none takes it out of a spec',
      group: apparmor,
    },
    (name): string | null => (name === 'none' ? null : parseProfile(name)),
  ),
  flag.of(
    'stack',
    {
      valueHint: 'NAME',
      description: 'put this profile on top of the one that we are under; both hold',
      group: apparmor,
      applyOnly: true,
    },
    (name): string => parseProfile(name),
  ),
  flag.of(
    'selinux',
    {
      valueHint: 'LABEL',
      description: 'the label for the command: user:role:type:level; none takes it out of a spec',
      group: selinux,
    },
    labelOf,
  ),
  flag.of(
    'mount-label',
    { valueHint: 'LABEL', description: "the label of a container's mounts; only in a spec", group: selinux },
    labelOf,
  ),
] as const;

const besideLoad = [
  flag.of(
    'name',
    {
      valueHint: 'NAME',
      description: 'load or render our default profile under this name',
      group: load,
      acts: ['load', 'replace', 'unload', 'render'],
    },
    (name): string => parseProfile(name),
  ),
  flag.yes('complain', {
    description: 'load or render it so that it only logs what it would deny',
    group: load,
    acts: ['load', 'replace', 'render'],
  }),
  flag.of(
    'namespace',
    {
      valueHint: 'NS',
      description: 'load, unload and list in this policy namespace, made if it is missing',
      group: load,
      acts: ['load', 'replace', 'unload', 'list'],
    },
    (name, spelled): string => {
      if (!/^[\w.-]+(?:\/\/[\w.-]+)*$/.test(name))
        throw new UsageError(
          `${spelled} ${name}: a name of letters, digits and _ . -, parts of it parted by //`,
        );
      return name;
    },
  ),
] as const;

const json = flag.yes('json', { alias: ['J'], description: 'as JSON', group: ask, acts: ['show', 'list'] });

export const flags = [
  ...labels,

  {
    name: 'load',
    valueHint: '[FILE]',
    act: 'changes',
    node: true,
    description: 'load our default profile, or those of a file',
    group: load,
  },
  {
    name: 'replace',
    valueHint: '[FILE]',
    act: 'changes',
    node: true,
    description: 'the same, over profiles of these names that are loaded',
    group: load,
  },
  {
    name: 'unload',
    valueHint: '[NAME]',
    act: 'changes',
    node: true,
    description: 'take our default profile, or another, out of the kernel',
    group: load,
  },
  { name: 'render', act: 'asks', description: 'print our default profile', group: load },
  ...besideLoad,

  {
    name: 'show',
    valueHint: '[TARGET]',
    act: 'asks',
    description: 'the labels of a process: a PID, a container',
    group: ask,
  },
  {
    name: 'list',
    act: 'asks',
    description: 'the profiles that are loaded, and how many processes are under each',
    group: ask,
  },
  json,
] as const;
