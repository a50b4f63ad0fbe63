import { flag } from '@ctr-tools/cli';
import { parseSecurebits } from './securebits.ts';

const caps = 'Capabilities';
const single = 'One set alone (LIST is exactly these; +CAP,-CAP changes it)';
const who = 'User and groups';
const privileges = 'Privileges';
const ask = 'Asking';
const files = 'Capabilities of files';

export const flags = [
  flag.yes('all', { description: 'drop every capability; --add gives some back', group: caps }),
  flag.texts('only', { valueHint: 'LIST', description: 'keep only these', group: caps }),
  flag.yes('docker', { description: "keep only the fourteen that Docker's containers have", group: caps }),
  flag.texts('drop', {
    valueHint: 'LIST',
    description: 'drop these; all is a word, and with --add leaves what is added',
    group: caps,
  }),
  flag.texts('add', {
    valueHint: 'LIST',
    description: 'keep these whatever else is dropped; in a spec, add them',
    group: caps,
  }),

  flag.texts('bounding', { valueHint: 'LIST', description: 'what any exec can still grant', group: single }),
  flag.texts('permitted', {
    valueHint: 'LIST',
    description: 'what the process can make effective',
    group: single,
  }),
  flag.texts('effective', { valueHint: 'LIST', description: 'what the kernel looks at', group: single }),
  flag.texts('inheritable', {
    valueHint: 'LIST',
    description: 'what programs with file capabilities may inherit',
    group: single,
  }),
  flag.texts('ambient', {
    valueHint: 'LIST',
    description: 'what a program run by another user than root keeps',
    group: single,
  }),

  flag.text('user', {
    alias: ['u'],
    valueHint: 'USER[:GROUP]',
    description: 'become this user, by name or number; a name brings its group',
    group: who,
  }),
  flag.text('group', { alias: ['g'], valueHint: 'GROUP', description: 'become this group', group: who }),
  flag.texts('groups', {
    alias: ['G'],
    valueHint: 'LIST',
    description: "supplementary groups: none, keep, init (the user's own), or a list",
    group: who,
  }),

  flag.yes('reset-env', {
    description: "only TERM, and HOME, SHELL, USER, LOGNAME and PATH as the user's line in passwd has them",
    group: who,
    applyOnly: true,
  }),

  flag.yes('no-new-privs', { description: 'no exec grants anything from here on', group: privileges }),
  flag.yes('allow-new-privs', { description: 'take no_new_privs out of a spec', group: privileges }),
  flag.of(
    'securebits',
    {
      valueHint: 'LIST',
      description:
        'set exactly these: noroot, no_setuid_fixup, no_cap_ambient_raise, each with _locked, keep_caps_locked',
      group: privileges,
      applyOnly: true,
    },
    parseSecurebits,
  ),

  {
    name: 'show',
    valueHint: '[TARGET]',
    act: 'asks',
    description:
      'the sets of a process (a PID, a container), what each capability allows, what an exec would leave',
    group: ask,
  },
  { name: 'tree', act: 'asks', description: 'all processes with their capabilities', group: ask },
  {
    name: 'has',
    valueHint: 'LIST',
    act: 'asks',
    description: 'exit 0 if these are all effective, 1 if not',
    group: ask,
  },
  {
    name: 'decode',
    valueHint: 'MASK|LIST',
    act: 'asks',
    description: 'names of a mask, or the mask of names',
    group: ask,
  },
  {
    name: 'show-capability',
    valueHint: 'WORDS',
    act: 'asks',
    description: 'which capabilities are about this: mount, ports below 1024',
    group: ask,
  },
  {
    name: 'learn',
    valueHint: 'FILE',
    act: 'changes',
    node: true,
    takesCommand: true,
    description: 'run the command, and write the smallest set that it needs; - is stdout',
    group: ask,
  },
  {
    name: 'why',
    act: 'changes',
    node: true,
    takesCommand: true,
    description:
      'run the command, and say at the end which capabilities it was refused, in which calls, and what would allow them',
    group: ask,
    applies: true,
  },
  flag.text('pid', {
    valueHint: 'TARGET',
    description: 'whose capabilities --has asks for; the caller itself by default',
    group: ask,
    acts: ['has', 'why'],
  }),
  flag.yes('json', {
    alias: ['J'],
    description: 'as JSON',
    group: ask,
    acts: ['show', 'tree', 'decode', 'show-capability', 'files'],
  }),

  {
    name: 'files',
    valueHint: 'DIR',
    act: 'asks',
    description: 'files below DIR that grant capabilities',
    group: files,
  },
  {
    name: 'set-file',
    valueHint: 'LIST|TEXT',
    act: 'changes',
    node: true,
    operands: 'tool',
    description: 'give these files capabilities: net_raw, or as setcap(8) writes them',
    group: files,
  },
  {
    name: 'clear-file',
    valueHint: 'FILE',
    act: 'changes',
    node: true,
    operands: 'tool',
    description: 'take all capabilities from these files',
    group: files,
  },
] as const;
