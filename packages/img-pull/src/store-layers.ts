/** Layers of an image into the store, as ufs-mount would have them there. */
import { Failure, type Host } from '@ctr-tools/cli';
import {
  type Descriptor,
  hostPlatform,
  type ImageManifest,
  type Platform,
  platformFit,
} from '@ctr-tools/oci/image';
import { kernelHas } from '@ctr-tools/sys/proc';
import {
  chainPath,
  contentsOf,
  inUserNamespace,
  isWhole,
  layerPath,
  layersRequest,
  type Store,
  squashes,
  stackOf,
} from '@ctr-tools/ufs-mount/store';
import type { Layout } from './layout.ts';
import { programOf, Receiver, startLayers } from './receiver.ts';

export interface Applying {
  /** Whether an image that the store knows is there with all its blobs and layers. */
  isThere(descriptor: Descriptor, platform: Platform | undefined): Promise<boolean>;
  /** Somebody who applies a layer as it arrives; undefined where it is there already. */
  receiver(descriptor: Descriptor, at: readonly { index: number; diffId: string }[]): Receiver | undefined;
  /** All of the image's layers, each upon those below it; what is there costs next to nothing. */
  rest(manifest: ImageManifest, diffIds: readonly string[]): Promise<void>;
}

/**
 * In the form that the overlay of whoever pulls takes (root-facts.ts of ufs-mount). Where the kernel has no overlay
 * layers are left to the driver of the first mount: then nothing is applied.
 */
export function applying(plain: Store, layout: Layout, host: Host): Applying {
  const squash = squashes(host.euid);
  const user = squash || inUserNamespace();
  const store: Store = { ...plain, form: squash ? '.own' : user ? '.user' : '' };
  const kind = user ? 'overlay-user' : 'overlay';
  const wanted = kernelHas('overlay');
  const file = wanted ? programOf(host) : '';
  const stackFor = (manifest: ImageManifest, diffIds: readonly string[]) =>
    stackOf([
      {
        kind: 'image',
        image: {
          name: '',
          config: { ...hostPlatform(), rootfs: { type: 'layers', diff_ids: [...diffIds] } },
          layers: manifest.layers.map(({ digest, size }, i) => ({
            path: layout.blob(digest),
            offset: 0,
            size,
            compression: 'guess',
            digest,
            diffId: diffIds[i]!,
          })),
        },
      },
    ]).layers;
  return {
    async isThere(descriptor, platform) {
      const fits = contentsOf(store, { name: '', descriptor }).filter(
        (one) => platformFit(platform ?? hostPlatform(), one.platform) > 0,
      );
      return fits.some(({ layers, sizes }) =>
        layers.every(
          (layer, i) =>
            layout.has({ digest: layer.digest, size: sizes[i]! }) &&
            (!wanted || isWhole(chainPath(store, layer))),
        ),
      );
    },
    receiver({ digest, size }, at) {
      const { index, diffId } = at[0]!;
      const layer = { id: diffId, chainId: diffId };
      if (!wanted || isWhole(layerPath(store, layer)) || isWhole(chainPath(store, layer))) return undefined;
      return new Receiver(
        file,
        layersRequest('receive', {
          kind,
          squash,
          bottom: index === 0,
          target: layerPath(store, layer),
          // Of the lowest alone it is asked for, whose chain is itself.
          chain: chainPath(store, layer),
          name: `the layer ${digest}`,
          size,
          digest,
          diff: diffId,
        }),
      );
    },
    async rest(manifest, diffIds) {
      if (!wanted) return;
      const layers = stackFor(manifest, diffIds);
      if (layers.length === 0 || layers.every((layer) => isWhole(chainPath(store, layer)))) return;
      if (layers.length > 500)
        throw new Failure(`the image has ${layers.length} layers; overlay takes 500 at most`);
      const { reply } = startLayers(
        file,
        layersRequest('apply', {
          kind,
          squash,
          columns: host.tty[2] ? host.columns : 0,
          targets: layers.map((layer) => layerPath(store, layer)),
          chains: layers.map((layer) => chainPath(store, layer)),
          archives: layers.map(({ path }) => path),
          offsets: layers.map(() => 0),
          sizes: layers.map(({ size }) => size),
          digests: layers.map(({ digest }) => digest),
          diffs: layers.map((layer) => layer.diffId),
        }),
        false,
      );
      await reply;
    },
  };
}
