import type { Host, Outcome, Parsed } from '@ctr-tools/cli';
import type { CapsOptions } from '../options.ts';

type Act = (value: string, options: CapsOptions, parsed: Parsed, host: Host) => Outcome | Promise<Outcome>;

/** Each act's code is loaded only when it is asked for. */
export const acts: Record<string, Act> = {
  show: async (...args) => (await import('./show.ts')).show(...args),
  tree: async (...args) => (await import('./tree.ts')).tree(...args),
  files: async (...args) => (await import('./files.ts')).files(...args),
  'set-file': async (...args) => (await import('./set-file.ts')).setFiles(...args),
  'clear-file': async (...args) => (await import('./set-file.ts')).clearFiles(...args),
  has: async (...args) => (await import('./has.ts')).has(...args),
  decode: async (...args) => (await import('./decode.ts')).decode(...args),
  'show-capability': async (...args) => (await import('./about.ts')).about(...args),
  why: async (...args) => (await import('./why.ts')).why(...args),
  learn: async (...args) => (await import('./learn.ts')).learn(...args),
};
