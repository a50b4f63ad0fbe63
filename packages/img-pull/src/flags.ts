import { COMMAND, flag, UsageError } from '@ctr-tools/cli';
import { type Platform, parsePlatform } from '@ctr-tools/oci/image';

const what = 'What is pulled';
const how = 'How registries are reached';
const store = 'Images of the store (acts)';
const registries = 'Registries (acts)';

function platformOf(text: string, spelled: string): Platform {
  const platform = parsePlatform(text);
  if (!platform) throw new UsageError(`${spelled} is "${text}"; it is OS/ARCH[/VARIANT]: linux/arm64`);
  return platform;
}

function mirrorOf(text: string, spelled: string): string {
  if (!/^(?:https?:\/\/)?[\w.[\]:-]+(?:\/[\w./-]+)?$/.test(text))
    throw new UsageError(
      `${spelled} is "${text}"; it is a host, with a port or a path: mirror.example:5000/cache`,
    );
  return text;
}

export const flags = [
  flag.text('to', {
    valueHint: 'DEST',
    description:
      'write it there instead of into the store: oci:DIR[:TAG], oci-archive:FILE[:TAG], docker-archive:FILE[:NAME]',
    group: what,
  }),
  flag.of(
    'platform',
    {
      valueHint: 'OS/ARCH[/VARIANT]',
      description: 'of which platform; of this machine by default',
      group: what,
    },
    platformOf,
  ),
  flag.list(
    'mirror',
    {
      valueHint: 'HOST[/PATH]',
      description: 'ask there first; the registry itself is asked last',
      group: how,
      acts: [COMMAND, 'referrers'],
    },
    mirrorOf,
  ),
  flag.texts('ca', {
    valueHint: 'FILE',
    description: 'trust these certificate authorities too (PEM)',
    group: how,
    acts: [COMMAND, 'push', 'referrers'],
  }),
  flag.yes('insecure', {
    description:
      'do without TLS, or with a certificate that nobody vouches for, where a registry has no other',
    group: how,
    acts: [COMMAND, 'push', 'referrers'],
  }),
  { name: 'list', act: 'asks', description: 'the images of the store', group: store },
  { name: 'tree', act: 'asks', description: 'their layers, and which images share them', group: store },
  {
    name: 'remove',
    valueHint: 'REF',
    act: 'changes',
    description: 'take an image out of the store; ufs-mount --gc removes its layers',
    group: store,
  },
  {
    name: 'push',
    valueHint: 'FROM',
    act: 'changes',
    node: true,
    operands: 1,
    description:
      'copy an image to the registry of REF: from oci:DIR[:TAG], oci-archive:FILE[:TAG], or the store by its name',
    group: registries,
  },
  {
    name: 'referrers',
    valueHint: 'REF',
    act: 'asks',
    node: true,
    description: 'what refers to an image: signatures, bills of materials',
    group: registries,
  },
  flag.yes('json', {
    alias: ['J'],
    description: 'as JSON',
    group: registries,
    acts: ['list', 'tree', 'referrers'],
  }),
] as const;
