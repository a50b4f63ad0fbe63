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
    value: 'CALLS',
    help: 'refuse these calls besides (of PROFILE, or of everything): ptrace,@module',
    group: filter,
    acts: [COMMAND, 'raw', 'test', 'explain', 'dump', 'diff', 'merge', 'why'],
  }),
  flag.yes('log', { help: 'let the kernel log what is refused (SECCOMP_FILTER_FLAG_LOG)', group: filter }),
  flag.yes('spec-allow', {
    help: 'leave speculative store bypass as it is (SECCOMP_FILTER_FLAG_SPEC_ALLOW)',
    group: filter,
  }),
  flag.text('listener', {
    value: 'SOCKET',
    help: "send the listener of the profile's SCMP_ACT_NOTIFY rules to this unix socket",
    group: filter,
  }),
  flag.text('listener-metadata', {
    value: 'TEXT',
    help: 'what the process behind the socket is told besides',
    group: filter,
  }),
  flag.yes('strict', {
    help: 'what is warned of is an error: names that no kernel or no profile has',
    group: filter,
    acts: [COMMAND, 'raw', 'test', 'explain', 'dump', 'diff', 'why', 'notify'],
  }),
  {
    name: 'raw',
    value: 'FD|FILE',
    many: true,
    act: 'changes',
    operands: 'tool',
    takesCommand: true,
    help: 'load a compiled filter; without a command, write the compiled PROFILE there',
    group: filter,
    applies: true,
  },

  {
    name: 'test',
    value: 'CALL',
    many: true,
    act: 'asks',
    operands: 'tool',
    help: 'what the filter answers: \'openat(AT_FDCWD, "x", O_RDONLY)\'',
    group: ask,
  },
  { name: 'explain', act: 'asks', operands: 'tool', help: 'the profile call by call, and why', group: ask },
  { name: 'dump', act: 'asks', operands: 'tool', help: 'the compiled filter, disassembled', group: ask },
  { name: 'diff', act: 'asks', operands: 'tool', help: 'where two profiles answer differently', group: ask },
  {
    name: 'merge',
    act: 'asks',
    operands: 'tool',
    help: 'print one profile that permits what any of these permits',
    group: ask,
  },
  flag.text('show', {
    value: '[TARGET]',
    act: 'asks',
    beside: ['raw', 'test', 'explain', 'dump', 'diff'],
    help: 'the filters of a process (a PID, a container); beside --test, --explain, --dump, --diff or --raw they are what is asked',
    group: ask,
  }),
  flag.yes('json', { help: 'print JSON', group: ask, acts: ['test', 'explain', 'dump', 'diff', 'show'] }),

  {
    name: 'learn',
    value: 'OUT',
    act: 'changes',
    operands: 'tool',
    node: true,
    takesCommand: true,
    help: 'run the command and write the smallest profile that it needs (- is stdout)',
    group: watch,
  },
  flag.yes('container', {
    help: 'with --learn: and what runtimes (ctr-run, runc, crun) call before they run the program',
    group: watch,
    acts: ['learn'],
  }),
  {
    name: 'why',
    act: 'changes',
    operands: 'tool',
    node: true,
    takesCommand: true,
    help: 'run the command under PROFILE, and say at the end which calls were refused and what would allow them',
    group: watch,
  },
  {
    name: 'notify',
    value: 'RULES',
    act: 'changes',
    operands: 'tool',
    node: true,
    takesCommand: true,
    help: 'run the command and log or answer its calls by a file of rules',
    group: watch,
  },
  flag.text('socket', {
    value: 'PATH',
    help: 'with --notify and no command: serve the listeners that runtimes send here',
    group: watch,
    acts: ['notify', 'learn', 'why'],
  }),

  flag.of(
    'arch',
    {
      value: 'ABI',
      help: 'x86_64, x86, x32, aarch64, arm or riscv64: compile for it, or make the call from it',
      group: machine,
      acts: [COMMAND, 'raw', 'test', 'explain', 'dump', 'diff', 'why'],
    },
    abiOf,
  ),
  flag.text('caps', {
    value: 'LIST|docker|none|TARGET',
    help: "the bounding set that a profile's conditions are asked about",
    group: machine,
    acts: [COMMAND, 'raw', 'test', 'explain', 'dump', 'diff', 'why'],
  }),
  flag.of(
    'kernel',
    {
      value: 'VERSION',
      help: "the kernel that a profile's conditions are asked about",
      group: machine,
      acts: [COMMAND, 'raw', 'test', 'explain', 'dump', 'diff', 'why'],
    },
    kernelOf,
  ),
] as const;
