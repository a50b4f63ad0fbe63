import { type Host, type Outcome, type Parsed, UsageError, wouldDo } from '@ctr-tools/cli';
import { needNode } from '@ctr-tools/host';
import { type PullOptions, referenceOf } from '../options.ts';
import { list } from './list.ts';
import { remove } from './remove.ts';
import { tree } from './tree.ts';

/** Carry out the act `name`, whose value stands in the flags. */
export async function act(name: string, options: PullOptions, parsed: Parsed, host: Host): Promise<Outcome> {
  const value = parsed.flags.get(name)?.at(-1) ?? '';
  switch (name) {
    case 'list':
      return list(options.json, host);
    case 'tree':
      return tree(options.json, host);
    case 'remove':
      return remove(value, host);
    case 'push': {
      const [to] = parsed.operands;
      if (to === undefined)
        throw new UsageError('--push FROM REF: where to? img-pull --push oci:./app:1 registry.example/app:1');
      referenceOf(to);
      if (parsed.flags.has('plan')) return wouldDo(`would push ${value} to ${to}`);
      needNode('--push');
      const { push } = await import('../push.ts');
      return push(value, to, options, host);
    }
    default: {
      const { referrers } = await import('../referrers.ts');
      return referrers(value, options, host);
    }
  }
}
