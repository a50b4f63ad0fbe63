import { argsOf, defineAll } from '@ctr-tools/cli';
import { refusedFlags } from './docker/refused.ts';
import {
  bundleFlag,
  checkpointFlags,
  execFlags,
  hardenFlags,
  inspectFlags,
  makeFlags,
  planFlag,
  planFlags,
  restoreFlags,
  runFlags,
  topFlags,
  updateFlags,
  whyFlag,
} from './flags.ts';
import { peopleFlags } from './people-flags.ts';
import type { Subcommand } from './subcommand.ts';

const id = 'ID';

/** Every subcommand's face. */
export const subcommands: readonly Subcommand[] = defineAll<Subcommand>([
  {
    meta: { name: 'run', description: 'make a container, start it, and stay with it' },
    usage: [
      '[FLAGS] --rootfs DIR|host [--] COMMAND [ARG...]',
      '[FLAGS] [--bundle DIR] ID',
      '[FLAGS] - < SPEC',
    ],
    args: argsOf([...peopleFlags, ...makeFlags, ...runFlags, whyFlag, planFlag]),
    refused: refusedFlags,
    command: 'first-operand',
    operands: [0, 0],
    examples: [
      [
        'ctr-run run --rootfs host -- sh',
        "a shell over this machine's own files, whose changes are thrown away",
      ],
      ['ctr-run run --bundle ./alpine a1', 'an OCI bundle, as runc would'],
      [
        'ctr-run spec --rootfs host -- id | cg-limit --memory 64M | ctr-run run -',
        'a spec that other tools have amended',
      ],
      ['ctr-run run --why --rootfs ./alpine -- ./server', 'what did seccomp or a missing capability refuse?'],
    ],
    notes: [
      '--why has each call that the seccomp profile refuses answered by a supervisor, which makes these calls slower and is not a security boundary; the checks of capabilities come from the kernel’s tracing, which takes root.',
      'With --rootfs host, root inside the container can read whatever root can read on this machine. It cannot change it: writes go to an upper layer that is thrown away.',
    ],
    node: ({ flags }) => flags.has('why'),
    load: () => import('./commands/run.ts'),
  },
  {
    meta: { name: 'create', description: 'make a container and leave it waiting for start' },
    usage: ['[FLAGS] [--bundle DIR] ID'],
    args: argsOf([...makeFlags, { name: 'no-subreaper', description: 'accepted for runc' }, planFlag]),
    command: 'never',
    operands: [1, 1],
    load: () => import('./commands/create.ts'),
  },
  {
    meta: { name: 'start', description: 'let a created container go' },
    usage: [id],
    args: argsOf([planFlag]),
    command: 'never',
    operands: [1, 1],
    load: () => import('./commands/start.ts'),
  },
  {
    meta: { name: 'state', description: 'show the OCI state as JSON' },
    usage: [id],
    args: argsOf([]),
    command: 'never',
    operands: [1, 1],
    load: () => import('./commands/state.ts'),
  },
  {
    meta: { name: 'kill', description: 'send a signal to the first process (default TERM)' },
    usage: [`[--all] ${id} [SIGNAL]`],
    args: argsOf([
      { name: 'all', alias: ['a'], description: "to every process in the container's group" },
      planFlag,
    ]),
    command: 'never',
    operands: [1, 2],
    load: () => import('./commands/kill.ts'),
  },
  {
    meta: { name: 'delete', description: 'take back all that a stopped container was given' },
    usage: [`[--force] ${id}`],
    args: argsOf([
      {
        name: 'force',
        alias: ['f'],
        description: 'kill it first if it runs; what does not exist is not a failure',
      },
      planFlag,
    ]),
    command: 'never',
    operands: [1, 1],
    load: () => import('./commands/delete.ts'),
  },
  {
    meta: { name: 'list', description: 'list containers' },
    usage: ['[--quiet] [--format table|json]'],
    args: argsOf([
      { name: 'quiet', alias: ['q'], description: 'IDs alone' },
      { name: 'format', alias: ['f'], valueHint: 'FORMAT', description: 'table (default) or json' },
    ]),
    command: 'never',
    operands: [0, 0],
    load: () => import('./commands/list.ts'),
  },
  {
    meta: { name: 'exec', description: 'run a further process in a container' },
    usage: [`[FLAGS] ${id} COMMAND [ARG...]`, `[FLAGS] --process FILE ${id}`],
    args: argsOf([...execFlags, planFlag]),
    command: 'first-operand',
    operands: [0, 0],
    load: () => import('./commands/exec.ts'),
  },
  {
    meta: { name: 'ps', description: 'list the processes of a container' },
    usage: [`[--format table|json] ${id} [PS OPTIONS]`],
    args: argsOf([
      {
        name: 'format',
        alias: ['f'],
        valueHint: 'FORMAT',
        description: 'table (default) or json: PIDs alone',
      },
    ]),
    command: 'first-operand',
    operands: [0, 0],
    node: ({ flags }) => flags.get('format')?.at(-1) !== 'json',
    load: () => import('./commands/ps.ts'),
  },
  {
    meta: { name: 'pause', description: 'freeze all processes of a container' },
    usage: [id],
    args: argsOf([planFlag]),
    command: 'never',
    operands: [1, 1],
    load: () => import('./commands/pause.ts'),
  },
  {
    meta: { name: 'resume', description: 'thaw them' },
    usage: [id],
    args: argsOf([planFlag]),
    command: 'never',
    operands: [1, 1],
    load: () => import('./commands/resume.ts'),
  },
  {
    meta: { name: 'update', description: 'change the limits of a container that runs' },
    usage: [`[LIMITS] ${id}`, `--resources FILE|- ${id}`],
    args: argsOf([...updateFlags, planFlag]),
    command: 'never',
    operands: [1, 1],
    load: () => import('./commands/update.ts'),
  },
  {
    meta: { name: 'events', description: 'print statistics and events as JSON lines' },
    usage: [`[--stats] [--interval DURATION] ${id}`],
    args: argsOf([
      { name: 'stats', description: 'once, and no events' },
      { name: 'interval', valueHint: 'DURATION', description: 'time between two (default 5s)' },
    ]),
    command: 'never',
    operands: [1, 1],
    node: ({ flags }) => !flags.has('stats'),
    load: () => import('./commands/events.ts'),
  },
  {
    meta: { name: 'checkpoint', description: 'write the processes of a container to files, through criu' },
    usage: [`[FLAGS] ${id}`],
    args: argsOf(checkpointFlags),
    command: 'never',
    operands: [1, 1],
    node: () => true,
    load: () => import('./commands/checkpoint.ts'),
  },
  {
    meta: { name: 'restore', description: 'make a container of such files, through criu' },
    usage: [`[FLAGS] [--bundle DIR] ${id}`],
    args: argsOf([...restoreFlags, planFlag]),
    command: 'never',
    operands: [1, 1],
    load: () => import('./commands/restore.ts'),
  },
  {
    meta: { name: 'spec', description: 'write config.json into a bundle, or print a spec' },
    usage: [
      '[--rootless] [--bundle DIR]',
      '[--rootless] -',
      '[FLAGS] --rootfs DIR|host [--] COMMAND [ARG...]',
    ],
    args: argsOf([
      ...peopleFlags,
      bundleFlag,
      { name: 'rootless', description: 'for a user without root' },
      planFlag,
    ]),
    refused: refusedFlags,
    command: 'first-operand',
    operands: [0, 0],
    examples: [
      [
        'ctr-run spec --rootfs host -- sh | ns-enter --new net,pid | ctr-run run -',
        'through other tools and back',
      ],
      ['ctr-run spec', 'write ./config.json, never over one that is there'],
      ['ctr-run spec - | caps-drop --drop kill > config.json', 'print it, through another tool'],
    ],
    load: () => import('./commands/spec.ts'),
  },
  {
    meta: { name: 'plan', description: 'print what run would do, one kernel operation a line' },
    usage: [
      '[FLAGS] --rootfs DIR|host [--] COMMAND [ARG...]',
      '[FLAGS] [--why STEP] [--bundle DIR] ID',
      '--diff A B',
      '--timings LOG [--svg FILE]',
    ],
    args: argsOf([...peopleFlags, ...makeFlags, ...runFlags, ...planFlags]),
    command: 'first-operand',
    operands: [0, 0],
    examples: [
      ['ctr-run plan --why 54 --bundle ./web c1', 'the line of config.json behind a step, and its clause'],
      ['ctr-run plan --diff ./old ./new', 'what the kernel would be asked for one and not for the other'],
      [
        'ctr-run --debug --log run.log run --bundle ./web c1; ctr-run plan --timings run.log',
        'how long each step took',
      ],
    ],
    notes: [
      '--why plans the spec again without each of its members, and with other values: what changes the step is behind it.',
      '--diff ends with 1 where the plans differ. Steps that write the record of the container, which has a copy of the spec, count as the same.',
    ],
    load: () => import('./commands/plan.ts'),
  },
  {
    meta: {
      name: 'harden',
      description: 'find the tightest config.json under which a command still works',
    },
    usage: ['[FLAGS] --rootfs DIR|host [--] COMMAND [ARG...]', '[FLAGS] --image REF [--] COMMAND [ARG...]'],
    args: argsOf([...peopleFlags, ...hardenFlags]),
    refused: refusedFlags,
    command: 'first-operand',
    operands: [0, 0],
    examples: [
      [
        'ctr-run harden --rootfs ./web --output web.json -- ./test-all',
        'watch a command that ends, such as tests',
      ],
      [
        'ctr-run harden --rootfs ./web --merge web.json --output web.json -- ./test-more',
        'and what another needs',
      ],
    ],
    notes: [
      'The command is run a few dozen times, with nothing on its stdin: as it is, with its system calls noted, and then without one thing after the other: capabilities, writing to the root, mounts, shared namespaces. What it ends otherwise without is left open; the reason stands in an annotation and on stderr. The last run is under the result.',
      'It works if it ends with the same code, and writes the same where two runs wrote the same. A root that is given by --rootfs DIR is written by each run, unless --temp throws that away.',
    ],
    node: () => true,
    load: () => import('./commands/harden.ts'),
  },
  {
    meta: {
      name: 'doctor',
      description: 'what this machine can do for containers, and what would give it the rest',
    },
    usage: ['[--json]', '--engine podman|docker|containerd|crio'],
    args: argsOf([
      { name: 'json', alias: ['J'], description: 'facts and findings as JSON' },
      {
        name: 'engine',
        valueHint: 'ENGINE',
        description: 'print the configuration by which an engine takes this runtime',
      },
    ]),
    command: 'never',
    operands: [0, 0],
    notes: [
      'It ends with 0 where the caller can make a container, with 1 where something for that is missing.',
    ],
    load: () => import('./commands/doctor.ts'),
  },
  {
    meta: {
      name: 'top',
      description: 'what containers use, again each second: CPU, memory, pressure, tasks, I/O',
    },
    usage: ['[--all] [--sort KEY] [--json]'],
    args: argsOf(topFlags),
    command: 'never',
    operands: [0, 0],
    examples: [
      ['ctr-run top --all', 'every container of this machine, whoever made it'],
      ['ctr-run top --all --json | jq .containers', 'a line each second'],
    ],
    notes: [
      'Keys: c, m, p, t, i and n sort by CPU, memory, pressure, tasks, I/O and name; the arrows choose a container, Enter shows its inside, f freezes or thaws it, k kills it after a question, q quits. Where stdout is not a terminal it prints one table.',
      '--all goes by the names that Docker, podman, Kubernetes, containerd, LXC, systemd-nspawn and systemd give to groups; any scope of systemd counts but sessions.',
      'WAITS is the largest share of the last ten seconds in which some process waited for CPU, memory or I/O (PSI), which groups of cgroup v2 tell.',
    ],
    node: () => true,
    load: () => import('./commands/top.ts'),
  },
  {
    meta: {
      name: 'inspect',
      description: 'show what a process is made of, what is open of it, and how to close that',
    },
    usage: ['[FLAGS] PID|ID', 'PID|ID PID|ID', 'PID|ID --against FILE'],
    args: argsOf(inspectFlags),
    command: 'never',
    operands: [0, 2],
    examples: [
      ['ctr-run inspect web', 'a container of ctr-run'],
      [
        'ctr-run inspect docker:db --at-most 60',
        "one of Docker's, in a CI job: exit 1 where it is more open",
      ],
      ['ctr-run inspect $$ --svg shell.svg', 'a picture of any process'],
    ],
    node: ({ flags }) => flags.has('filters'),
    load: () => import('./commands/inspect.ts'),
  },
  {
    meta: {
      name: 'tour',
      description: 'a walk through the inside of a container: each command is shown, run and explained',
    },
    usage: ['[--language en|vi] [CHAPTER]'],
    args: argsOf([{ name: 'language', valueHint: 'LANGUAGE', description: 'en (default) or vi' }]),
    command: 'never',
    operands: [0, 1],
    examples: [
      ['sudo ctr-run tour', 'from the beginning'],
      ['sudo ctr-run tour 3', 'union file systems alone'],
    ],
    notes: [
      'It works in a directory of its own, and whatever ends it, what its commands have made is taken away. The chapters: 1 namespaces, 2 control groups, 3 union file systems, 4 the container format, 5 security, 6 a container built by hand.',
    ],
    node: () => true,
    load: () => import('./commands/tour.ts'),
  },
  {
    meta: { name: 'features', description: 'what this runtime can do, as JSON' },
    usage: [''],
    args: argsOf([]),
    command: 'never',
    operands: [0, 0],
    load: () => import('./commands/features.ts'),
  },
]);
