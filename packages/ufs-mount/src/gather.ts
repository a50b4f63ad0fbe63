import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { Failure, type Host } from '@ctr-tools/cli';
import type { Spec } from '@ctr-tools/oci';
import { slot, template } from '@ctr-tools/plan';
import { readMountinfo } from '@ctr-tools/sys/proc';
import { hostRootMounts } from './host-root.ts';
import type { UfsOptions } from './options.ts';
import type { OverlayFacts, OverlayPart } from './overlay-steps.ts';
import { type RootRequest, rootRequest } from './root-annotation.ts';

export interface UfsFacts {
  /** Absent where the spec asks for no root of layers. */
  overlay?: OverlayFacts;
  /** Where the scratch directory comes from: the container's own, or a new one. */
  scratch: 'container' | 'new';
}

/** Read what mounting needs: the mounts of the host, and whether the layers are there. */
export function gatherUfs(options: UfsOptions | undefined, spec: Spec, host: Host): UfsFacts {
  const container = host.container;
  const scratch = container ? 'container' : 'new';
  const request = rootRequest(spec) ?? (options && requestOf(options));
  if (!request || request.sources.length === 0) return { scratch };
  const overlay: OverlayFacts = {
    parts: partsOf(request, container?.bundle ?? host.cwd),
    readOnly: request.readOnly ?? false,
    inUserNamespace: spec.linux?.namespaces?.some((ns) => ns.type === 'user') ?? false,
    scratch: container ? `${container.directory}/root` : template`${slot('scratch')}`,
  };
  return { overlay, scratch };
}

export const requestOf = ({ sources, temp, readOnly, upper }: UfsOptions): RootRequest => ({
  sources,
  ...(temp && { temp }),
  ...(readOnly && { readOnly }),
  ...(upper !== undefined && { upper }),
});

function partsOf(request: RootRequest, relativeTo: string): OverlayPart[] {
  const { sources, upper } = request;
  const kept = upper === undefined ? undefined : { upper: `${upper}/upper`, work: `${upper}/work` };
  if (sources.includes('host')) {
    if (sources.length > 1) throw new Failure('"host" is a whole root; it cannot be one layer among others');
    if (kept)
      throw new Failure(
        'the changes of a root made from "host" cannot be kept: it is several file systems; use --temp',
      );
    return hostRootMounts(readMountinfo()).map((at) => ({ at, lower: [at] }));
  }
  const lower = sources.map((source) => layerDirectory(resolve(relativeTo, source), source)).toReversed();
  return [{ at: '/', lower, ...(kept && { upper: kept }) }];
}

function layerDirectory(path: string, source: string): string {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found) throw new Failure(`no layer ${source}: there is no directory ${path}`);
  if (!found.isDirectory()) throw new Failure(`${source} is not a directory`);
  return path;
}
