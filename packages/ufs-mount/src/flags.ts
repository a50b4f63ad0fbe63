import type { Flag } from '@ctr-tools/cli';
import { driverNames } from './driver/index.ts';

const root = 'The root';
const roots = 'Roots that are mounted (acts)';
const committed = 'What --commit says of an image';
const layouts = 'Images (acts)';

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
  {
    name: 'platform',
    value: 'OS/ARCH[/VARIANT]',
    help: 'of which platform an image is mounted, or committed; of this machine by default',
    group: root,
  },
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
    help: 'write the change: as a layer (OUT a file; .gz and .zst are compressed), or as a new image (OUT oci:DIR[:TAG])',
    group: roots,
  },
  { name: 'squash', help: 'commit the whole tree as one layer', group: committed },
  { name: 'author', value: 'TEXT', help: 'who made the image', group: committed },
  { name: 'message', value: 'TEXT', help: "what the layer's entry in the history says", group: committed },
  { name: 'entrypoint', value: 'WORD', many: true, help: 'a word of what is always run', group: committed },
  { name: 'cmd', value: 'WORD', many: true, help: 'a word of what is run by default', group: committed },
  { name: 'env', value: 'NAME=VALUE', many: true, help: 'set a variable', group: committed },
  { name: 'label', value: 'NAME=VALUE', many: true, help: 'set a label', group: committed },
  { name: 'workdir', value: 'DIR', help: 'the working directory', group: committed },
  { name: 'user', value: 'USER[:GROUP]', help: 'who runs it', group: committed },
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
  {
    name: 'gc',
    value: '[oci:DIR]',
    act: 'changes',
    help: 'remove layers that no root uses; of an image layout, blobs that no image uses',
    group: 'The store (acts)',
  },
  {
    name: 'unpack',
    value: 'DIR',
    act: 'changes',
    operands: 'tool',
    help: 'write SOURCE... into a new directory, which stays',
    group: layouts,
  },
  { name: 'tags', value: 'oci:DIR', act: 'asks', help: 'the images of an image layout', group: layouts },
  {
    name: 'untag',
    value: 'oci:DIR:TAG',
    act: 'changes',
    help: 'take an image out of a layout; --gc=oci:DIR removes its blobs',
    group: layouts,
  },
  { name: 'json', help: 'acts answer as JSON', group: roots },
];
