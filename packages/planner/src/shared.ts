/**
 * The rooms that every chunk lives in. They are in the planner's first chunk once, and the
 * other chunks get them from there: what a start loads, it loads once.
 */
import * as cli from '@ctr-tools/cli';
import * as oci from '@ctr-tools/oci';
import * as plan from '@ctr-tools/plan';
import * as constants from '@ctr-tools/sys/constants';
import * as proc from '@ctr-tools/sys/proc';

export const shared = {
  '@ctr-tools/cli': cli,
  '@ctr-tools/oci': oci,
  '@ctr-tools/plan': plan,
  '@ctr-tools/sys/constants': constants,
  '@ctr-tools/sys/proc': proc,
} as const;
