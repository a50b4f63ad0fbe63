import type { Flag } from '@ctr-tools/cli';

const apparmor = 'AppArmor';
const selinux = 'SELinux';
const load = 'Loading profiles (root, and apparmor_parser of the package apparmor)';
const ask = 'Asking';

export const flags: readonly Flag[] = [
  {
    name: 'profile',
    alias: ['p'],
    value: 'NAME',
    help: 'the profile for the command: a name, default (our own), unconfined; none takes it out of a spec',
    group: apparmor,
  },
  {
    name: 'stack',
    value: 'NAME',
    help: 'put this profile on top of the one that we are under; both hold',
    group: apparmor,
    applyOnly: true,
  },
  {
    name: 'selinux',
    value: 'LABEL',
    help: 'the label for the command: user:role:type:level; none takes it out of a spec',
    group: selinux,
  },
  {
    name: 'mount-label',
    value: 'LABEL',
    help: "the label of a container's mounts; only in a spec",
    group: selinux,
  },

  {
    name: 'load',
    value: '[FILE]',
    act: 'changes',
    node: true,
    help: 'load our default profile, or those of a file',
    group: load,
  },
  {
    name: 'replace',
    value: '[FILE]',
    act: 'changes',
    node: true,
    help: 'the same, over profiles of these names that are loaded',
    group: load,
  },
  {
    name: 'unload',
    value: '[NAME]',
    act: 'changes',
    node: true,
    help: 'take our default profile, or another, out of the kernel',
    group: load,
  },
  { name: 'render', act: 'asks', help: 'print our default profile', group: load },
  {
    name: 'name',
    value: 'NAME',
    help: 'load or render our default profile under this name',
    group: load,
    acts: ['load', 'replace', 'unload', 'render'],
  },
  {
    name: 'complain',
    help: 'load or render it so that it only logs what it would deny',
    group: load,
    acts: ['load', 'replace', 'render'],
  },
  {
    name: 'namespace',
    value: 'NS',
    help: 'load, unload and list in this policy namespace, made if it is missing',
    group: load,
    acts: ['load', 'replace', 'unload', 'list'],
  },

  {
    name: 'show',
    value: '[TARGET]',
    act: 'asks',
    help: 'the labels of a process: a PID, a container',
    group: ask,
  },
  {
    name: 'list',
    act: 'asks',
    help: 'the profiles that are loaded, and how many processes are under each',
    group: ask,
  },
  { name: 'json', alias: ['J'], help: 'as JSON', group: ask, acts: ['show', 'list'] },
];
