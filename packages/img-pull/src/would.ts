/** `--plan`: what would be pulled, and nothing is asked of anybody. */
import { type Host, wouldDo } from '@ctr-tools/cli';
import { platformText, referenceText } from '@ctr-tools/oci/image';
import { storeOf } from '@ctr-tools/ufs-mount/store';
import type { PullOptions } from './options.ts';

export const pullWould = ({ references, to, platform }: PullOptions, host: Host): number =>
  wouldDo(
    ...references.map(
      (reference) =>
        `would pull ${referenceText(reference)}${platform ? ` for ${platformText(platform)}` : ''} into ${to ?? `the store ${storeOf(host).path}`}`,
    ),
  );
