import { argsOf, defineTool } from '@ctr-tools/cli';
import { readText } from '@ctr-tools/host';
import { amendConfine } from './amend.ts';
import { flags } from './flags.ts';
import { type ConfineFacts, gatherConfine } from './gather.ts';
import { type ConfineOptions, parseOptions } from './options.ts';
import { confineSteps } from './steps.ts';

export type { ConfineFacts } from './gather.ts';
export type { ConfineOptions } from './options.ts';

/** Names of the profiles in the kernel, as far as we may see them (aa-status(8) reads the same file). */
function loadedProfiles(): string[] {
  try {
    return readText('/sys/kernel/security/apparmor/profiles')
      .split('\n')
      .map((line) => line.replace(/ \(\w+\)$/, ''))
      .filter(Boolean);
  } catch {
    return [];
  }
}

/** Labels of security modules: AppArmor profiles, SELinux labels. */
export const aaConfine = defineTool<ConfineOptions, ConfineFacts>({
  meta: { name: 'aa-confine', description: 'run a command under an AppArmor profile or an SELinux label' },
  usage: [
    '--profile NAME|default [--] COMMAND [ARG...]',
    '--profile NAME|default < config.json > config.json',
    '--load[=FILE] | --unload[=NAME] | --list | --show[=PID]',
  ],
  args: argsOf(flags),
  command: 'first-operand',
  notes: [
    'The label holds from the exec of the command on, and for all that it starts. A profile has to be loaded before; --profile default is the one that --load loads, ctr-default.',
    'Names are those of the kernel: NAME, NAME//CHILD, :NAMESPACE:NAME, and NAME//&NAME for a stack.',
    'On a kernel without the module it is an error to want a label, for a container too; --profile unconfined is none.',
  ],
  examples: [
    ['aa-confine --load', 'load our default profile'],
    ['aa-confine --profile default -- ./server', 'run under it'],
    ['ctr-run spec - | aa-confine --profile default | ctr-run run -', 'a container under it'],
    [
      'aa-confine --render --complain --name trial > trial && aa-confine --load=./trial',
      'see what it would deny',
    ],
    ['aa-confine --show=1', 'the labels of PID 1'],
  ],
  options: parseOptions,
  gather: gatherConfine,
  amend: amendConfine,
  steps: confineSteps,
  suggest: (flag) =>
    flag !== undefined && ['profile', 'stack', 'unload'].includes(flag)
      ? { words: ['default', 'unconfined', ...loadedProfiles()] }
      : undefined,
  async act(name, options, parsed, host) {
    const { acts } = await import('./act/index.ts');
    return acts[name]!(parsed.flags.get(name)?.[0] ?? '', options, host);
  },
});
