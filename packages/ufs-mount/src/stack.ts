/** A root's layers in order, and where the store has each. */
import { Failure } from '@ctr-tools/cli';
import { encodeBytes, sha256 } from '@ctr-tools/host';
import type { LayerArchive, Source } from './source/index.ts';
import type { Store } from './store.ts';

/** One archive with its names in the store. */
export interface StackLayer extends LayerArchive {
  /** `sha256:…`: the diff ID, or for an archive of which nobody says it the file's own digest. */
  id: string;
  /** The ID of this layer upon those below it (image-spec config.md, "Layer ChainID"). */
  chainId: string;
}

export interface Stack {
  /** Bottom first: directories as they are, and layers. */
  parts: ({ directory: string } | { layer: StackLayer })[];
  layers: StackLayer[];
  /** Data-only directories, below all others and the topmost first. */
  data: string[];
}

const hex = (digest: string): string => digest.slice(digest.indexOf(':') + 1);

export function stackOf(sources: readonly Source[]): Stack {
  const parts: Stack['parts'] = [];
  const layers: StackLayer[] = [];
  const data: string[] = [];
  for (const source of sources) {
    if (source.kind === 'data') {
      if (parts.length > 0)
        throw new Failure(`data:${source.path} holds contents for layers above it; name it before them`);
      data.unshift(source.path);
    }
    if (source.kind === 'directory') parts.push({ directory: source.path });
    const archives =
      source.kind === 'image' ? source.image.layers : source.kind === 'layer' ? [source.layer] : [];
    for (const archive of archives) {
      const id = archive.diffId || archive.digest;
      const below = layers.at(-1)?.chainId;
      const chainId = below ? `sha256:${sha256(encodeBytes(`${below} ${id}`))}` : id;
      const layer = { ...archive, id, chainId };
      layers.push(layer);
      parts.push({ layer });
    }
  }
  if (data.length > 0 && parts.length === 0)
    throw new Failure(`data:${data[0]} holds contents alone; a layer above it has to name files`);
  return { parts, layers, data };
}

export const layerPath = (store: Store, layer: Pick<StackLayer, 'id'>): string =>
  `${store.path}/layers/${hex(layer.id)}${store.form ?? ''}`;
export const chainPath = (store: Store, layer: Pick<StackLayer, 'chainId'>): string =>
  `${store.path}/chains/${hex(layer.chainId)}${store.form ?? ''}`;
export const builtPath = (store: Store, driver: string, layer: Pick<StackLayer, 'chainId'>): string =>
  `${store.path}/${driver}/${hex(layer.chainId)}${store.form === '.own' ? store.form : ''}`;
