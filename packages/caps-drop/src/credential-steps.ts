/** One kernel operation each, with the words for its failure. */
import { type AnyStep, step } from '@ctr-tools/plan';
import { shortNames } from './capability-list.ts';
import type { Sets } from './privileges.ts';

const needs = (capability: string): Record<string, string> => ({
  EPERM: `this takes ${capability} (root, or caps-drop --show)`,
});

export const boundingStep = (keep: bigint): AnyStep =>
  step('bounding', 'bounding', { keep }, `keep ${shortNames(keep)} in the bounding set`, {
    hints: needs('CAP_SETPCAP'),
  });

export const keepCapsStep = (): AnyStep =>
  step('credentials', 'keep_caps', { on: 1 }, 'keep capabilities over the change of user');

export const groupsStep = (gids: readonly number[]): AnyStep =>
  step(
    'credentials',
    'setgroups',
    { gids },
    gids.length > 0 ? `set the supplementary groups ${gids.join(',')}` : 'clear the supplementary groups',
    { hints: { ...needs('CAP_SETGID'), EINVAL: 'a group is not mapped in the user namespace' } },
  );

export const gidStep = (gid: number): AnyStep =>
  step('credentials', 'setgid', { gid }, `become group ${gid}`, {
    hints: { ...needs('CAP_SETGID'), EINVAL: 'the group is not mapped in the user namespace' },
  });

export const uidStep = (uid: number): AnyStep =>
  step('credentials', 'setuid', { uid }, `become user ${uid}`, {
    hints: {
      ...needs('CAP_SETUID'),
      EINVAL: 'the user is not mapped in the user namespace',
      EAGAIN: "the user's RLIMIT_NPROC is reached",
    },
  });

export const noNewPrivsStep = (): AnyStep =>
  step('no-new-privs', 'no_new_privs', {}, 'forbid new privileges');

export function setSteps(
  { effective, permitted, inheritable, ambient }: Sets,
  withAmbient: boolean,
): AnyStep[] {
  const steps = [
    step(
      'capabilities',
      'capset',
      { effective, permitted, inheritable },
      `set the capabilities to ${shortNames(permitted)}`,
      {
        hints: {
          EPERM: 'only what is permitted can be kept, and only what is in the bounding set inherited',
        },
      },
    ),
  ];
  if (withAmbient)
    steps.push(
      step(
        'capabilities',
        'ambient',
        { caps: ambient },
        `set the ambient capabilities to ${shortNames(ambient)}`,
        {
          hints: { EPERM: 'each has to be permitted and inheritable, and the securebits must not forbid it' },
        },
      ),
    );
  return steps;
}

export const securebitsStep = (bits: number, names: string): AnyStep =>
  step('bounding', 'securebits', { bits }, `set the securebits ${names}`, { hints: needs('CAP_SETPCAP') });
