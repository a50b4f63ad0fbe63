export { unpackSteps } from './act/unpack.ts';
export { type FileOf, type ImageUser, lookUpGroup, lookUpUser } from './image-config.ts';
export { filesOf } from './image-facts.ts';
export { rootAnnotation } from './root-annotation.ts';
export { ufsMount } from './tool.ts';
