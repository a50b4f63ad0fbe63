import { COMMAND, flag, UsageError } from '@ctr-tools/cli';
import { driverNames } from './driver/index.ts';
import { platformOf } from './platform.ts';

const root = 'The root';
const roots = 'Roots that are mounted (acts)';
const committed = 'What --commit says of an image';
const layouts = 'Images (acts)';

/** It stays a text: the record of a root keeps it. */
function platformText(text: string): string {
  platformOf(text);
  return text;
}

function poolOf(name: string, spelled: string): string {
  if (!/^[\w.+-]+$/.test(name) || name === 'loop')
    throw new UsageError(`${spelled} is "${name}"; it is the name of a device in /dev/mapper`);
  return name;
}

function assignmentOf(text: string, spelled: string): string {
  if (!/^[^=]+=/.test(text)) throw new UsageError(`${spelled} is "${text}"; it is NAME=VALUE`);
  return text;
}

export const flags = [
  flag.yes('temp', { help: 'throw changes away', group: root }),
  flag.yes('read-only', { help: 'allow no changes', group: root }),
  flag.text('upper', {
    value: 'DIR',
    help: 'keep changes in this directory, and go on with what is kept there',
    group: root,
  }),
  flag.text('target', { value: 'DIR', help: 'mount here instead of in the store', group: root }),
  flag.of(
    'platform',
    {
      value: 'OS/ARCH[/VARIANT]',
      help: 'of which platform an image is mounted, or committed; of this machine by default',
      group: root,
      acts: [COMMAND, 'commit', 'unpack'],
    },
    platformText,
  ),
  flag.text('driver', {
    value: 'NAME',
    help: `how layers are united: ${driverNames.join(', ')}`,
    group: root,
    acts: [COMMAND, 'unpack'],
  }),
  flag.of(
    'pool',
    {
      value: 'NAME',
      help: 'a thin pool for the driver devicemapper, which else makes one over files of the store',
      group: root,
      acts: [COMMAND, 'unpack'],
    },
    poolOf,
  ),
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
  flag.yes('squash', { help: 'commit the whole tree as one layer', group: committed, acts: ['commit'] }),
  flag.text('author', { value: 'TEXT', help: 'who made the image', group: committed, acts: ['commit'] }),
  flag.text('message', {
    value: 'TEXT',
    help: "what the layer's entry in the history says",
    group: committed,
    acts: ['commit'],
  }),
  flag.texts('entrypoint', {
    value: 'WORD',
    help: 'a word of what is always run',
    group: committed,
    acts: ['commit'],
  }),
  flag.texts('cmd', {
    value: 'WORD',
    help: 'a word of what is run by default',
    group: committed,
    acts: ['commit'],
  }),
  flag.list(
    'env',
    { value: 'NAME=VALUE', help: 'set a variable', group: committed, acts: ['commit'] },
    assignmentOf,
  ),
  flag.list(
    'label',
    { value: 'NAME=VALUE', help: 'set a label', group: committed, acts: ['commit'] },
    assignmentOf,
  ),
  flag.text('workdir', { value: 'DIR', help: 'the working directory', group: committed, acts: ['commit'] }),
  flag.text('user', { value: 'USER[:GROUP]', help: 'who runs it', group: committed, acts: ['commit'] }),
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
  flag.yes('json', { help: 'acts answer as JSON', group: roots, acts: ['show', 'which', 'list', 'tags'] }),
] as const;
