export { decodeBytes, encodeBytes } from '@ctr-tools/host';
