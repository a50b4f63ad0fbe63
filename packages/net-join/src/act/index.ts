import type { Host, Outcome } from '@ctr-tools/cli';
import type { Options } from '../options.ts';
import { gc } from './gc.ts';
import { hook } from './hook.ts';
import { show } from './show.ts';
import { leave, target } from './target.ts';

type Act = (word: string, options: Options, host: Host) => Outcome | Promise<Outcome>;

export const acts: Readonly<Record<string, Act>> = { gc, hook, show, leave, target };
