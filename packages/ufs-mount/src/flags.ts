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
    name: 'pool',
    value: 'NAME',
    help: 'a thin pool for the driver devicemapper, which else makes one over files of the store',
    group: root,
  },
  {
    name: 'unmount',
    value: 'TARGET',
    act: 'changes',
    help: 'unmount a root; its changes stay, unless it was made with --temp',
    group: roots,
  },
  {
    name: 'diff',
    value: 'TARGET',
    act: 'asks',
    help: 'list what was added (A), changed (C) and removed (D) in a root',
    group: roots,
  },
  {
    name: 'commit',
    value: 'TARGET',
    act: 'changes',
    operands: 1,
    help: 'write the change: as a layer (OUT a file), or as a new image (OUT oci:DIR[:TAG])',
    group: roots,
  },
  {
    name: 'show',
    value: 'TARGET',
    act: 'asks',
    help: "a root's layers with their sizes, topmost first",
    group: roots,
  },
  {
    name: 'which',
    value: 'PATH',
    act: 'asks',
    help: 'which layer a path of a mounted root comes from',
    group: roots,
  },
  { name: 'list', act: 'asks', help: 'the roots and layers of the store', group: 'The store (acts)' },
  {
    name: 'remove',
    value: 'ROOT',
    act: 'changes',
    help: 'remove a root that is not mounted, with its changes',
    group: 'The store (acts)',
  },
  { name: 'gc', act: 'changes', help: 'remove layers that no root uses', group: 'The store (acts)' },
  { name: 'json', help: 'acts answer as JSON', group: roots },
];
