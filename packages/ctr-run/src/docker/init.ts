import { Failure } from '@ctr-tools/cli';
import { ACCESS, isAccessible } from '@ctr-tools/host';
import type { Mount, Spec } from '@ctr-tools/oci';
import { amendProcess } from '@ctr-tools/process';
import { amendRootfs } from '@ctr-tools/rootfs';

/** Where Debian and others have a static one: podman's, Docker's, tini's own. */
const places = [
  '/usr/libexec/podman/catatonit',
  '/usr/bin/catatonit',
  '/usr/bin/docker-init',
  '/usr/bin/tini-static',
  '/usr/libexec/docker/docker-init',
];

/** Where it is in the container; podman's place since 4.4. */
const destination = '/run/podman-init';

/** The command below a first process that hands on signals and reaps what is orphaned. Throws a `Failure` where there is none. */
export function withInit(spec: Spec): Spec {
  const source = places.find((path) => isAccessible(path, ACCESS.EXECUTE));
  if (source === undefined)
    throw new Failure('--init needs a static init program: install catatonit or tini (Debian)');
  const mount: Mount = {
    destination,
    type: 'bind',
    source,
    options: ['bind', 'ro', 'nosuid', 'nodev', 'rprivate'],
  };
  const args = [destination, '--', ...(spec.process?.args ?? [])];
  return amendProcess(amendRootfs(spec, { mounts: [mount] }), { args });
}
