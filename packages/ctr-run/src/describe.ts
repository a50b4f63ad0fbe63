import { argsOf, type Described } from '@ctr-tools/cli';
import { ctrRunMeta, topFlags } from './globals.ts';
import type { Subcommand } from './subcommand.ts';
import { subcommands } from './subcommands.ts';

const failed = ['1', 'it failed, as with runc'] as const;
const typed = ['125', 'ctr-run itself failed'] as const;
const notRun = [
  ['126', "a person's command was found but cannot be run"],
  ['127', "a person's command was not found"],
] as const;
const command = [
  ['128+N', 'signal N ended the command'],
  ['else', "the command's own"],
] as const;

/** What the exit codes of a subcommand mean, or of ctr-run as a whole. */
export function exitsOf(subcommand?: string): NonNullable<Described['exits']> {
  switch (subcommand) {
    case undefined:
      return [
        ['1', 'a subcommand of the OCI command line failed, as with runc (exec: 255)'],
        [
          '125',
          'what a person typed failed: inspect, top, spec, plan, tour, and run with --rootfs, --image or -',
        ],
        ...notRun,
        ...command,
      ];
    case 'run':
      return [
        ['1', 'a bundle, or its command, could not be run, as with runc'],
        typed,
        ...notRun,
        ...command,
      ];
    case 'exec':
      return [['255', 'it failed, or there is no such command, as with runc'], ...command];
    case 'inspect':
      return [['1', 'it weighs more than --at-most, or there is a difference'], typed];
    case 'spec':
    case 'plan':
    case 'top':
    case 'tour':
      return [typed];
    default:
      return [failed];
  }
}

/** One subcommand, for its help and the manual. */
export const pageOf = (subcommand: Subcommand): Described => ({
  examples: [],
  ...subcommand,
  meta: { ...subcommand.meta, name: `ctr-run ${subcommand.meta.name}` },
  ownFlagsOnly: true,
  exits: exitsOf(subcommand.meta.name),
});

/** ctr-run as a whole, for its help and its manual page. */
export const described: Described = {
  meta: ctrRunMeta,
  usage: ['[GLOBAL FLAGS] SUBCOMMAND [FLAGS] ...', 'SUBCOMMAND --help'],
  args: argsOf(topFlags),
  ownFlagsOnly: true,
  exits: exitsOf(),
  commands: subcommands.map(({ meta }) => [meta.name, meta.description] as const),
  pages: subcommands.map(pageOf),
  examples: [
    [
      'ctr-run run --rootfs host -- sh',
      "a shell over this machine's own files, whose changes are thrown away",
    ],
    ['ctr-run plan --rootfs host -- sh', 'what that would do, one kernel operation a line'],
    ['podman --runtime "$(command -v ctr-run)" run alpine', 'as the runtime of an engine'],
  ],
};
