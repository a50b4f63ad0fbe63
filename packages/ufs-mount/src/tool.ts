import type { Tool } from '@ctr-tools/cli';
import type { Spec } from '@ctr-tools/oci';
import { step } from '@ctr-tools/plan';
import { gatherUfs, requestOf, type UfsFacts } from './gather.ts';
import { type UfsOptions, ufsOptions } from './options.ts';
import { overlaySteps } from './overlay-steps.ts';
import { withRootRequest } from './root-annotation.ts';

export const ufsMount: Tool<UfsOptions, UfsFacts> = {
  name: 'ufs-mount',
  summary: 'mount a root file system made of layers',
  usage: ['SOURCE... [FLAGS] -- COMMAND [ARG...]', 'SOURCE... --amend [FLAGS] < SPEC'],
  command: 'after-dashes',
  flags: [
    { name: 'temp', help: 'throw changes away' },
    { name: 'read-only', help: 'allow no changes' },
    { name: 'upper', value: 'DIR', help: 'keep changes in this directory' },
  ],
  examples: [
    ['ufs-mount host --temp -- sh', "a shell over this machine's own files, whose changes are thrown away"],
  ],
  options: (parsed) => ufsOptions(parsed),
  gather: gatherUfs,
  amend: (spec: Spec, options: UfsOptions) =>
    options.sources.length === 0 ? spec : withRootRequest(spec, requestOf(options)),
  steps: (_spec, facts) => {
    const { overlay } = facts;
    if (!overlay) return [];
    const scratch =
      typeof overlay.scratch === 'string'
        ? [
            step(
              'descriptors',
              'mkdir',
              { path: overlay.scratch, mode: 0o711 },
              'make the place for the root',
              { side: 'host' },
            ),
          ]
        : [];
    return [...scratch, ...overlaySteps(overlay)];
  },
};
