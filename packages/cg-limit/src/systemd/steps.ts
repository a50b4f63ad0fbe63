import type { LinuxResources } from '@ctr-tools/oci';
import type { AnyStep } from '@ctr-tools/plan';
import type { Facts, GroupFacts } from '../facts.ts';
import type { Setting } from '../setting.ts';

export function systemdSteps(
  _r: LinuxResources,
  _s: readonly Setting[],
  _g: readonly GroupFacts[],
  _f: Facts,
): AnyStep[] {
  return [];
}
