import { argsOf, defineTool } from '@ctr-tools/cli';
import { namespacesOf } from '@ctr-tools/plan';
import { columns } from './act/columns.ts';
import { aliases } from './aliases.ts';
import { amend } from './amend.ts';
import type { Facts } from './facts.ts';
import { flags } from './flags.ts';
import { gather } from './gather.ts';
import { examples, notes, usage } from './help.ts';
import { kinds, optionOf } from './kinds.ts';
import { type Options, parseOptions } from './options.ts';
import { steps } from './steps/index.ts';

/** Namespaces, joined, created, kept and listed. */
export const nsEnter = defineTool<Options, Facts>({
  meta: {
    name: 'ns-enter',
    description: 'run a command in other namespaces, joined or new; list namespaces',
  },
  usage,
  args: argsOf(flags),
  command: 'first-operand',
  // nsenter(1) and unshare(1) run it by themselves.
  likely: '$SHELL',
  notes,
  aliases,
  examples,
  options: parseOptions,
  gather,
  amend,
  steps,
  suggest(flag) {
    if (flag === 'new' || flag === 'share' || flag === 'type')
      return { words: [...kinds.map(optionOf), 'all'], list: true };
    if (flag === 'propagation') return { words: ['private', 'slave', 'shared', 'unchanged'] };
    if (flag === 'tree') return { words: ['owner', 'parent', 'process'] };
    return flag === 'output' ? { words: Object.keys(columns), list: true } : undefined;
  },
  // It looks at the namespaces that it is in.
  decidesAfter: (earlier) => earlier.every((step) => namespacesOf(step) === 0n),
  async act(name, _options, parsed, host) {
    if (name === 'unpin') return (await import('./act/unpin.ts')).unpin(parsed, host);
    return (await import('./act/show.ts')).show(parsed, host);
  },
});

export type { Facts, Options };
