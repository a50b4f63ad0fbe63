import type { Host } from '@ctr-tools/cli';
import { resolve } from '@ctr-tools/host';
import type { Spec } from '@ctr-tools/oci';
import { type ContainerPlace, containerPlace } from './container-steps.ts';
import type { ImageFacts } from './image-config.ts';
import { gatherImage, runSibling } from './image-facts.ts';
import type { UfsOptions } from './options.ts';
import { type RootRequest, rootRequest } from './root-annotation.ts';
import { gatherRoot, type RootFacts } from './root-facts.ts';
import { registryReference, registrySource } from './source/registry.ts';

export interface UfsFacts {
  /** Absent where no root of layers is asked for. */
  root?: RootFacts;
  /** A container's root is made; absent: a command is run. */
  container?: ContainerPlace;
  /** What the image says of its process, for amending. */
  image?: ImageFacts;
  /** Where `--amend --target` has mounted it. */
  mounted?: string;
}

/** Read what mounting needs: the sources, the store, the machine's abilities. */
export function gatherUfs(options: UfsOptions | undefined, spec: Spec, host: Host): UfsFacts {
  const { container } = host;
  const request = rootRequest(spec) ?? (options && requestOf(options, host));
  if (!request || request.sources.length === 0) return {};
  const root = gatherRoot(request, host, container?.bundle ?? host.cwd, spec);
  if (container) return { root, container: containerPlace(root, container) };
  if (!options || options.command) return { root };
  const image = gatherImage(root, host);
  const mounted = options.target === undefined ? undefined : mountFor(options.target, request, host);
  return { root, ...(image && { image }), ...(mounted !== undefined && { mounted }) };
}

/** `--amend --target DIR`: the root is mounted by a launcher of its own, and stays. */
function mountFor(target: string, request: RootRequest, host: Host): string {
  const { sources, temp, readOnly, upper, driver, pool, platform } = request;
  const flags = [
    ...(temp ? ['--temp'] : []),
    ...(readOnly ? ['--read-only'] : []),
    ...(upper === undefined ? [] : ['--upper', upper]),
    ...(driver === undefined ? [] : ['--driver', driver]),
    ...(pool === undefined ? [] : ['--pool', pool]),
    ...(platform === undefined ? [] : ['--platform', platform]),
  ];
  return runSibling(host, [...sources, ...flags, '--target', resolve(host.cwd, target)]).trimEnd();
}

/** What the options ask, with paths that no longer depend on where we are. */
export function requestOf(options: UfsOptions, host: Pick<Host, 'cwd'>): RootRequest {
  const { sources, temp, readOnly, upper, driver, pool, platform } = options;
  return {
    sources: sources.map((source) => absolute(source, host.cwd)),
    ...(temp && { temp }),
    ...(readOnly && { readOnly }),
    ...(upper !== undefined && { upper: resolve(host.cwd, upper) }),
    ...(driver !== undefined && { driver }),
    ...(pool !== undefined && { pool }),
    ...(platform !== undefined && { platform }),
  };
}

function absolute(source: string, cwd: string): string {
  if (source === 'host') return source;
  const named = registryReference(source, cwd);
  if (named) return registrySource(named);
  const [, scheme, rest] = /^((?:oci|oci-archive|docker-archive|data):)(.+)$/s.exec(source) ?? [];
  return scheme ? `${scheme}${resolve(cwd, rest!)}` : resolve(cwd, source);
}
