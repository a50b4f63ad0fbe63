import { COMMAND, flag, parseShare, UsageError } from '@ctr-tools/cli';
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
  flag.yes('temp', { description: 'throw changes away', group: root }),
  flag.yes('read-only', { description: 'allow no changes', group: root }),
  flag.text('upper', {
    valueHint: 'DIR',
    description: 'keep changes in this directory, and go on with what is kept there',
    group: root,
  }),
  flag.text('target', { valueHint: 'DIR', description: 'mount here instead of in the store', group: root }),
  flag.of(
    'platform',
    {
      valueHint: 'OS/ARCH[/VARIANT]',
      description: 'of which platform an image is mounted, or committed; of this machine by default',
      group: root,
      acts: [COMMAND, 'commit', 'unpack', 'explore'],
    },
    platformText,
  ),
  flag.text('driver', {
    valueHint: 'NAME',
    description: `how layers are united: ${driverNames.join(', ')}`,
    group: root,
    acts: [COMMAND, 'unpack'],
  }),
  flag.of(
    'pool',
    {
      valueHint: 'NAME',
      description: 'a thin pool for the driver devicemapper, which else makes one over files of the store',
      group: root,
      acts: [COMMAND, 'unpack'],
    },
    poolOf,
  ),
  {
    name: 'unmount',
    valueHint: 'TARGET',
    act: 'changes',
    description: 'unmount a root; its changes stay, unless it was made with --temp',
    group: roots,
  },
  {
    name: 'diff',
    valueHint: 'TARGET',
    act: 'asks',
    description: 'list what was added (A), changed (C) and removed (D) in a root',
    group: roots,
  },
  {
    name: 'commit',
    valueHint: 'TARGET',
    act: 'changes',
    operands: 1,
    description:
      'write the change: as a layer (OUT a file; .gz and .zst are compressed), or as a new image (OUT oci:DIR[:TAG])',
    group: roots,
  },
  flag.yes('squash', {
    description: 'commit the whole tree as one layer',
    group: committed,
    acts: ['commit'],
  }),
  flag.text('author', {
    valueHint: 'TEXT',
    description: 'who made the image',
    group: committed,
    acts: ['commit'],
  }),
  flag.text('message', {
    valueHint: 'TEXT',
    description: "what the layer's entry in the history says",
    group: committed,
    acts: ['commit'],
  }),
  flag.texts('entrypoint', {
    valueHint: 'WORD',
    description: 'a word of what is always run',
    group: committed,
    acts: ['commit'],
  }),
  flag.texts('cmd', {
    valueHint: 'WORD',
    description: 'a word of what is run by default',
    group: committed,
    acts: ['commit'],
  }),
  flag.list(
    'env',
    { valueHint: 'NAME=VALUE', description: 'set a variable', group: committed, acts: ['commit'] },
    assignmentOf,
  ),
  flag.list(
    'label',
    { valueHint: 'NAME=VALUE', description: 'set a label', group: committed, acts: ['commit'] },
    assignmentOf,
  ),
  flag.text('workdir', {
    valueHint: 'DIR',
    description: 'the working directory',
    group: committed,
    acts: ['commit'],
  }),
  flag.text('user', {
    valueHint: 'USER[:GROUP]',
    description: 'who runs it',
    group: committed,
    acts: ['commit'],
  }),
  {
    name: 'show',
    valueHint: 'TARGET',
    act: 'asks',
    description: "a root's layers with their sizes, topmost first",
    group: roots,
  },
  {
    name: 'which',
    valueHint: 'PATH',
    act: 'asks',
    description: 'which layer a path of a mounted root comes from',
    group: roots,
  },
  { name: 'list', act: 'asks', description: 'the roots and layers of the store', group: 'The store (acts)' },
  {
    name: 'remove',
    valueHint: 'ROOT',
    act: 'changes',
    description: 'remove a root that is not mounted, with its changes',
    group: 'The store (acts)',
  },
  {
    name: 'gc',
    valueHint: '[oci:DIR]',
    act: 'changes',
    description: 'remove layers that no root uses; of an image layout, blobs that no image uses',
    group: 'The store (acts)',
  },
  {
    name: 'unpack',
    valueHint: 'DIR',
    act: 'changes',
    operands: 'tool',
    description: 'write SOURCE... into a new directory, which stays',
    group: layouts,
  },
  {
    name: 'tags',
    valueHint: 'oci:DIR',
    act: 'asks',
    description: 'the images of an image layout',
    group: layouts,
  },
  {
    name: 'explore',
    valueHint: 'SOURCE',
    act: 'asks',
    node: true,
    description: 'walk through the layers of an image: what each added, changed and hid, and what made it',
    group: layouts,
  },
  flag.of(
    'waste-at-most',
    {
      valueHint: 'SHARE',
      description: 'exit 1 where later layers hide more of an image than this (5%)',
      group: layouts,
      acts: ['explore'],
    },
    (text) => parseShare(text, '--waste-at-most'),
  ),
  {
    name: 'untag',
    valueHint: 'oci:DIR:TAG',
    act: 'changes',
    description: 'take an image out of a layout; --gc=oci:DIR removes its blobs',
    group: layouts,
  },
  flag.yes('json', {
    description: 'acts answer as JSON',
    group: roots,
    acts: ['show', 'which', 'list', 'tags', 'explore'],
  }),
] as const;
