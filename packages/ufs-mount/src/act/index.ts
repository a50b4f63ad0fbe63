import { type Host, type Outcome, type Parsed, UsageError } from '@ctr-tools/cli';
import type { UfsOptions } from '../options.ts';
import { commit, diff } from './change.ts';
import { collectLayout, tags, untag } from './layout.ts';
import { list } from './list.ts';
import { show } from './show.ts';
import { collect, remove } from './store.ts';
import { unmount } from './unmount.ts';
import { unpack } from './unpack.ts';
import { which } from './which.ts';

/** Carry out the act `name`, whose value stands in the flags. */
export async function act(name: string, options: UfsOptions, parsed: Parsed, host: Host): Promise<Outcome> {
  const value = parsed.flags.get(name)?.at(-1) ?? '';
  const [operand, surplus] = parsed.operands;
  if (name === 'commit') {
    if (operand === undefined || surplus !== undefined)
      throw new UsageError('--commit TARGET OUT: OUT is a file for a layer, or oci:DIR:TAG for an image');
    return commit(value, operand, options, host);
  }
  if (name === 'unpack') return unpack(value, options, host);
  if (operand !== undefined) throw new UsageError(`--${name} takes no source; leave out ${operand}`);
  switch (name) {
    case 'unmount':
      return unmount(value, host);
    case 'diff':
      return diff(value, host);
    case 'show':
      return show(value, options.json, host);
    case 'which':
      return which(value, options.json, host);
    case 'explore': {
      const { explore } = await import('./explore.ts');
      return explore(value, options, host);
    }
    case 'list':
      return list(options.json, host);
    case 'tags':
      return tags(value, options.json, host);
    case 'untag':
      return untag(value, host);
    case 'remove':
      return remove(value, host);
    default:
      return value === '' ? collect(host) : collectLayout(value, host);
  }
}
