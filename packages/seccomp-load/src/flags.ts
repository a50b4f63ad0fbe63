import { COMMAND, flag, UsageError } from '@ctr-tools/cli';
import { type AbiName, abiNamed, abis } from './abi.ts';

const filter = 'Filter';
const ask = 'Asking (nothing is loaded)';
const watch = 'Watching a command';
const machine = 'For another machine than this';

function abiOf(word: string, spelled: string): AbiName {
  const abi = abiNamed(word);
  if (!abi) throw new UsageError(`${spelled} ${word}: known are ${[...abis.keys()].join(', ')}`);
  return abi;
}

function kernelOf(version: string, spelled: string): string {
  if (!/^\d+\.\d+/.test(version))
    throw new UsageError(`${spelled} ${version}: a version like 6.1 was expected`);
  return version;
}

export const flags = [
  flag.texts('deny', {
    valueHint: 'CALLS',
    description: 'refuse these calls besides (of PROFILE, or of everything): ptrace,@module',
    group: filter,
    acts: [COMMAND, 'raw', 'test', 'explain', 'dump', 'diff', 'merge', 'why'],
  }),
  flag.yes('log', {
    description: 'let the kernel log what is refused (SECCOMP_FILTER_FLAG_LOG)',
    group: filter,
  }),
  flag.yes('spec-allow', {
    description: 'leave speculative store bypass as it is (SECCOMP_FILTER_FLAG_SPEC_ALLOW)',
    group: filter,
  }),
  flag.text('listener', {
    valueHint: 'SOCKET',
    description: "send the listener of the profile's SCMP_ACT_NOTIFY rules to this unix socket",
    group: filter,
  }),
  flag.text('listener-metadata', {
    valueHint: 'TEXT',
    description: 'what the process behind the socket is told besides',
    group: filter,
  }),
  flag.yes('strict', {
    description: 'what is warned of is an error: names that no kernel or no profile has',
    group: filter,
    acts: [COMMAND, 'raw', 'test', 'explain', 'dump', 'diff', 'why', 'notify'],
  }),
  {
    name: 'raw',
    valueHint: 'FD|FILE',
    many: true,
    act: 'changes',
    operands: 'tool',
    takesCommand: true,
    description: 'load a compiled filter; without a command, write the compiled PROFILE there',
    group: filter,
    applies: true,
  },

  {
    name: 'test',
    valueHint: 'CALL',
    many: true,
    act: 'asks',
    operands: 'tool',
    description: 'what the filter answers: \'openat(AT_FDCWD, "x", O_RDONLY)\'',
    group: ask,
  },
  {
    name: 'explain',
    act: 'asks',
    operands: 'tool',
    description: 'the profile call by call, and why',
    group: ask,
  },
  {
    name: 'dump',
    act: 'asks',
    operands: 'tool',
    description: 'the compiled filter, disassembled',
    group: ask,
  },
  {
    name: 'diff',
    act: 'asks',
    operands: 'tool',
    description: 'where two profiles answer differently',
    group: ask,
  },
  {
    name: 'merge',
    act: 'asks',
    operands: 'tool',
    description: 'print one profile that permits what any of these permits',
    group: ask,
  },
  flag.text('show', {
    valueHint: '[TARGET]',
    act: 'asks',
    beside: ['raw', 'test', 'explain', 'dump', 'diff'],
    description:
      'the filters of a process (a PID, a container); beside --test, --explain, --dump, --diff or --raw they are what is asked',
    group: ask,
  }),
  flag.yes('json', {
    description: 'print JSON',
    group: ask,
    acts: ['test', 'explain', 'dump', 'diff', 'show'],
  }),

  {
    name: 'learn',
    valueHint: 'OUT',
    act: 'changes',
    operands: 'tool',
    node: true,
    takesCommand: true,
    description: 'run the command and write the smallest profile that it needs (- is stdout)',
    group: watch,
  },
  flag.yes('container', {
    description: 'with --learn: and what runtimes (ctr-run, runc, crun) call before they run the program',
    group: watch,
    acts: ['learn'],
  }),
  {
    name: 'why',
    act: 'changes',
    operands: 'tool',
    node: true,
    takesCommand: true,
    description:
      'run the command under PROFILE, and say at the end which calls were refused and what would allow them',
    group: watch,
  },
  {
    name: 'notify',
    valueHint: 'RULES',
    act: 'changes',
    operands: 'tool',
    node: true,
    takesCommand: true,
    description: 'run the command and log or answer its calls by a file of rules',
    group: watch,
  },
  flag.text('socket', {
    valueHint: 'PATH',
    description: 'with --notify and no command: serve the listeners that runtimes send here',
    group: watch,
    acts: ['notify', 'learn', 'why'],
  }),

  flag.of(
    'arch',
    {
      valueHint: 'ABI',
      description: 'x86_64, x86, x32, aarch64, arm or riscv64: compile for it, or make the call from it',
      group: machine,
      acts: [COMMAND, 'raw', 'test', 'explain', 'dump', 'diff', 'why'],
    },
    abiOf,
  ),
  flag.text('caps', {
    valueHint: 'LIST|docker|none|TARGET',
    description: "the bounding set that a profile's conditions are asked about",
    group: machine,
    acts: [COMMAND, 'raw', 'test', 'explain', 'dump', 'diff', 'why'],
  }),
  flag.of(
    'kernel',
    {
      valueHint: 'VERSION',
      description: "the kernel that a profile's conditions are asked about",
      group: machine,
      acts: [COMMAND, 'raw', 'test', 'explain', 'dump', 'diff', 'why'],
    },
    kernelOf,
  ),
] as const;
