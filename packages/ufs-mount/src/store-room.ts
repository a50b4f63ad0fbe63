/** The store and what lies in it, for img-pull, which fills it. */
export { contentsOf, type ImageContents } from './image-chains.ts';
export { layersRequest } from './layers-request.ts';
export { inUserNamespace, squashes } from './owners.ts';
export { archiveBlobs, tarFiles } from './source/archive.ts';
export { type Blobs, blob, directoryBlobs, documentBlob, readPlace } from './source/blobs.ts';
export { layoutImage } from './source/image.ts';
export { splitReference } from './source/index.ts';
export { chainPath, layerPath, type StackLayer, stackOf } from './stack.ts';
export { isWhole, type Store, storeOf } from './store.ts';
export { findStored, imagesOf, refName, type StoredImage, storedImages } from './stored-images.ts';
