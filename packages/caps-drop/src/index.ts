import { argsOf, defineTool } from '@ctr-tools/cli';
import { capabilityNames } from '@ctr-tools/sys/constants';
import { aliases } from './aliases.ts';
import { amendCaps } from './amend.ts';
import { flags } from './flags.ts';
import { type CapsFacts, gatherCaps } from './gather.ts';
import { grantable } from './grant.ts';
import { type CapsOptions, parseOptions } from './options.ts';
import { capsSteps } from './steps.ts';

export type { CapsFacts } from './gather.ts';
export type { CapsOptions } from './options.ts';

const names = capabilityNames.map((name) => name.slice('CAP_'.length).toLowerCase());
/** Flags whose value is a list of capabilities. */
const lists = new Set([
  ...['only', 'drop', 'add', 'has', 'decode'],
  ...['bounding', 'permitted', 'effective', 'inheritable', 'ambient'],
]);

/** Capabilities, user and groups, no_new_privs. */
export const capsDrop = defineTool<CapsOptions, CapsFacts>({
  meta: {
    name: 'caps-drop',
    description: 'run a command with fewer privileges: capabilities, user, no_new_privs',
  },
  usage: [
    '[FLAGS] [--] COMMAND [ARG...]',
    '[FLAGS] < config.json > config.json',
    '--show[=PID] | --tree',
    '--files DIR | --set-file LIST FILE... | --clear-file FILE...',
    '[FLAGS] --why -- COMMAND [ARG...]',
  ],
  args: argsOf(flags),
  aliases,
  command: 'first-operand',
  notes: [
    'A LIST has names between commas, with or without CAP_, in any case; numbers for what the kernel knows and this program does not; masks as /proc/PID/status has them; all and none. Their order has no meaning.',
    'All flags but those for one set alone speak of the bounding, permitted and effective sets. Inheritable and ambient sets only shrink unless they are named. --ambient and --inheritable bring what they name into the sets in which it has to lie.',
    'A program run by root gets all of the bounding set; one run by another user keeps the ambient set alone. So for a server that is not root: --user www-data --groups none --only net_bind_service --ambient net_bind_service.',
    'Names of users and groups are those of this machine, also in a spec.',
    'Without CAP_SETPCAP nothing can be dropped from the bounding set; with --no-new-privs that set has no effect any more, and is left alone.',
    '--learn needs root, and of the kernel the event capability:cap_capable (Linux 6.14) or probes (CONFIG_KPROBE_EVENTS). It tells what was asked for and what was needed; what the kernel asks only to know, without a refusal having an effect, is not counted as needed.',
    '--why needs the same, and runs the command with what the other flags leave it. It tells refusals by capability, with the system call and the first thread that asked; some are without effect, as the kernel often tries one capability after the other.',
    '--has ends with 0 for yes, with 1 for no, and with 125 where it cannot tell.',
  ],
  examples: [
    ['caps-drop --all -- ./parser', 'no capability at all, for root neither'],
    ['caps-drop --only net_bind_service --no-new-privs -- ./server', 'one, and no way to more'],
    ['caps-drop --user www-data --groups init -- php-fpm', 'another user with its own groups'],
    ['ctr-run spec - | caps-drop --drop kill | ctr-run run -', 'change a container on its way'],
    ['caps-drop --docker --why -- ./server', 'which capability does it miss?'],
    ['caps-drop --show=1', 'what PID 1 may do'],
    ['caps-drop --set-file net_bind_service ./server', 'whoever runs this file gets it'],
    ['caps-drop --decode 00000000a80425fb', 'the names behind a mask'],
  ],
  options: parseOptions,
  gather: gatherCaps,
  amend: amendCaps,
  steps: capsSteps,
  suggest: (flag) =>
    flag !== undefined && lists.has(flag) ? { words: ['all', 'none', ...names], list: true } : undefined,
  looksAround: () => false,
  warnings: (spec, facts) => (facts.mode === 'oci' ? grantable(spec, facts).warnings : []),
  async act(name, options, parsed, host) {
    const { acts } = await import('./act/index.ts');
    return acts[name]!(parsed.flags.get(name)?.[0] ?? '', options, parsed, host);
  },
});
