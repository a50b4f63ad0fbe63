import type { Host, Outcome, Parsed } from '@ctr-tools/cli';
import type { SeccompOptions } from '../options.ts';

export type Act = (
  values: readonly string[],
  options: SeccompOptions,
  parsed: Parsed,
  host: Host,
) => Outcome | Promise<Outcome>;

/** Each act's code is loaded only when it is asked for. */
export const acts: Record<string, Act> = {
  test: async (values, options) => (await import('./test.ts')).test(values, options),
  explain: async (...args) => (await import('./explain.ts')).explainProfile(...args),
  dump: async (values, options) => (await import('./dump.ts')).dump(values, options),
  merge: async (_values, options) => (await import('./merge.ts')).mergeProfiles(options),
  diff: async (...args) => (await import('./diff.ts')).diff(...args),
  raw: async (...args) => (await import('./raw.ts')).raw(...args),
  show: async (...args) => (await import('./show.ts')).show(...args),
  learn: async (...args) => (await import('./learn.ts')).learn(...args),
  why: async (...args) => (await import('./why.ts')).why(...args),
  notify: async (...args) => (await import('./notify.ts')).notify(...args),
};
