import type { Described, Flag } from '@ctr-tools/cli';
import { globalFlags } from './globals.ts';
import { subcommands } from './subcommands.ts';

/** Flags of ctr-run as a whole: before the subcommand. */
export const topFlags: readonly Flag[] = [
  ...globalFlags,
  { name: 'help', alias: ['h'], help: 'show this help', group: 'About this program' },
  { name: 'version', alias: ['v'], help: 'show the versions', group: 'About this program' },
];

/** ctr-run as a whole, for its help and its manual page. */
export const described: Described = {
  name: 'ctr-run',
  summary: 'an OCI runtime made of small tools',
  usage: ['[GLOBAL FLAGS] SUBCOMMAND [FLAGS] ...', 'SUBCOMMAND --help'],
  flags: topFlags,
  ownFlagsOnly: true,
  commands: subcommands.map(({ name, summary }) => [name, summary] as const),
  examples: [
    [
      'ctr-run run --rootfs host -- sh',
      "a shell over this machine's own files, whose changes are thrown away",
    ],
    ['ctr-run plan --rootfs host -- sh', 'what that would do, one kernel operation a line'],
    ['podman --runtime "$(command -v ctr-run)" run alpine', 'as the runtime of an engine'],
  ],
};
