import { out, version } from '@ctr-tools/cli';
import { features } from '@ctr-tools/oci';
import { rootAnnotation } from '@ctr-tools/ufs-mount/annotation';

/**
 * `ctr-run features`: features.md's document. "The Features structure is irrelevant to the
 * actual availability of the features in the host operating system."
 */
export function run(): number {
  const document = features({
    systemd: true,
    annotations: {
      'org.ctr-tools.ctr-run.version': version,
      // The key by which engines know that checkpoint and restore are there (containerd, podman).
      'org.opencontainers.runc.checkpoint.enabled': 'true',
    },
    // It makes the root of layers that it names on the host.
    potentiallyUnsafeConfigAnnotations: [rootAnnotation],
  });
  out(`${JSON.stringify(document, undefined, 2)}\n`);
  return 0;
}
