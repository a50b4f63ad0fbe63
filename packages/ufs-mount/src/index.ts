export { rootAnnotation } from './root-annotation.ts';
export { ufsMount } from './tool.ts';
