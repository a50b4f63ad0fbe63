/** What Node runs: the planner, to its exit code. */
import { decodeBytes, readAttributesBy } from '@ctr-tools/host';
import { getXattr } from '@ctr-tools/sys';
import { main } from './main.ts';

readAttributesBy((path, name) => {
  const value = getXattr(path, name);
  return value && decodeBytes(value);
});

main().then((code) => process.exit(code));
