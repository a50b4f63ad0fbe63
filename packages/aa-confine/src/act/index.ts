import type { Host, Outcome } from '@ctr-tools/cli';
import type { ConfineOptions } from '../options.ts';

type Act = (value: string, options: ConfineOptions, host: Host) => Promise<Outcome>;

/** Each act's code is loaded only when it is asked for. */
export const acts: Record<string, Act> = {
  load: async (...args) => (await import('./load.ts')).load('load', ...args),
  replace: async (...args) => (await import('./load.ts')).load('replace', ...args),
  unload: async (...args) => (await import('./unload.ts')).unload(...args),
  render: async (...args) => (await import('./render.ts')).render(...args),
  show: async (...args) => (await import('./show.ts')).show(...args),
  list: async (...args) => (await import('./list.ts')).list(...args),
};
