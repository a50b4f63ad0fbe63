import type { Flag } from '@ctr-tools/cli';
import { driverNames } from './driver/index.ts';

const root = 'The root';
const roots = 'Roots that are mounted (acts)';

export const flags: readonly Flag[] = [
  { name: 'temp', help: 'throw changes away', group: root },
  { name: 'read-only', help: 'allow no changes', group: root },
  {
    name: 'upper',
    value: 'DIR',
    help: 'keep changes in this directory, and go on with what is kept there',
    group: root,
  },
  { name: 'target', value: 'DIR', help: 'mount here instead of in the store', group: root },
  { name: 'driver', value: 'NAME', help: `how layers are united: ${driverNames.join(', ')}`, group: root },
  {
    name: 'unmount',
    value: 'TARGET',
    act: true,
    help: 'unmount a root; its changes stay, unless it was made with --temp',
    group: roots,
  },
  { name: 'json', help: 'acts answer as JSON', group: roots },
];
