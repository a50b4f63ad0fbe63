import type { Host, Outcome } from '@ctr-tools/cli';
import type { Options } from '../options.ts';
import { lives, members } from '../records.ts';
import { undoPlan } from './undo.ts';

/** Those whose process has ended: nobody else will undo them. */
export const gc = (_word: string, _options: Options, _host: Host): Outcome =>
  undoPlan(members().filter((member) => !lives(member)));
