/** What was seen as JSON: names are the specification's where it has one. Pure. */
import { capabilitiesOf, capabilityName } from '@ctr-tools/sys/constants';
import type { Facts } from './facts.ts';
import { unionOf } from './layers.ts';
import { type Opening, weightOf } from './openings/index.ts';
import { isMask } from './openings/paths.ts';

const names = (mask: bigint): string[] => capabilitiesOf(mask).map(capabilityName);

/** The document of `--json`. */
export function documentOf(facts: Facts, openings: readonly Opening[]) {
  const { status, root, lastCapability, ...rest } = facts;
  const { name, uids, gids, groups, noNewPrivs, bounding, permitted, effective, inheritable, ambient } =
    status;
  return {
    ...rest,
    name,
    uids,
    gids,
    groups,
    noNewPrivileges: noNewPrivs,
    lastCapability: capabilityName(lastCapability),
    capabilities: {
      bounding: names(bounding),
      permitted: names(permitted),
      effective: names(effective),
      inheritable: names(inheritable),
      ambient: names(ambient),
    },
    ...(root && {
      root: {
        ...root,
        mounts: root.mounts.map((mount) => {
          const union = unionOf(mount);
          return { ...mount, ...(isMask(mount) && { masks: true }), ...(union && { union }) };
        }),
      },
    }),
    openings,
    weight: weightOf(openings),
  };
}
