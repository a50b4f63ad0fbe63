import { argsOf, defineTool } from '@ctr-tools/cli';
import type { Spec } from '@ctr-tools/oci';
import { commandSteps } from './command-steps.ts';
import { containerSteps } from './container-steps.ts';
import { drivers } from './driver/index.ts';
import { flags } from './flags.ts';
import { gatherUfs, type UfsFacts } from './gather.ts';
import { withImageConfig } from './image-config.ts';
import { type UfsOptions, ufsOptions } from './options.ts';
import { withRootRequest } from './root-annotation.ts';

export const ufsMount = defineTool<UfsOptions, UfsFacts>({
  meta: { name: 'ufs-mount', description: 'mount a root file system made of layers' },
  usage: [
    'SOURCE... [FLAGS]',
    'SOURCE... [FLAGS] -- COMMAND [ARG...]',
    'SOURCE... --amend [FLAGS] < SPEC',
    '--unmount TARGET',
    '--diff TARGET',
    '--commit TARGET OUT [--squash] [--author TEXT] …',
    'SOURCE... --unpack DIR',
    '--show TARGET',
    '--explore SOURCE [--waste-at-most SHARE]',
    '--list | --gc | --remove ROOT',
    '--tags oci:DIR | --untag oci:DIR:TAG | --gc=oci:DIR',
  ],
  command: 'after-dashes',
  likely: '$SHELL',
  args: argsOf(flags),
  examples: [
    ['ufs-mount host --temp -- sh', "a shell over this machine's own files, whose changes are thrown away"],
    [
      'ufs-mount oci:./alpine:3 --platform linux/arm64 --unpack ./rootfs',
      'a plain directory, of another machine’s image',
    ],
    ['ufs-mount --explore oci:./alpine:3', 'the layers of an image on the screen: keys walk, open, filter'],
    ['root=$(ufs-mount oci:./alpine:3)', 'mount an image; its layers are unpacked into the store once'],
  ],
  notes: [
    '--cmd and --entrypoint take a word each time: --cmd nginx --cmd -g. An image that is committed has no time in it, so that the same change gives the same digest. --gc=oci:DIR waits for other ufs-mount and refuses where umoci writes; other programs do not say that they write into a layout.',
    'Sources: oci:DIR[:TAG], oci-archive:FILE[:TAG], docker-archive:FILE[:NAME], a registry\'s image (docker.io/library/alpine:3, or docker://REF), which img-pull brings where the store lacks it, an archive of a layer or of an image, a directory, or host; the lowest first. data:DIR before them has contents of files that a layer only describes (overlayfs.rst, "Data-only lower layers").',
    'With a command the changes go when it ends, unless --upper keeps them.',
    'On the screen of --explore + is what a layer added, ~ what it changed, - what it hid. In a pipe, or with --waste-at-most, it prints a table.',
    'Variables: CTR_STORE is where layers and roots are kept (/var/lib/ctr-tools; without root $XDG_DATA_HOME/ctr-tools).',
  ],
  options: (parsed) => ufsOptions(parsed),
  gather: gatherUfs,
  amend(spec: Spec, _options, { root, image, mounted }) {
    if (!root) return spec;
    const told = image ? withImageConfig(spec, image) : spec;
    if (mounted === undefined) return withRootRequest(told, root.request);
    return { ...told, root: { ...told.root, path: mounted } };
  },
  steps(_spec, { root, container }) {
    if (!root) return [];
    return container === undefined ? commandSteps(root) : containerSteps(root, container);
  },
  stays: (_spec, { root }) => root !== undefined && root.driver.name !== 'overlay',
  suggest: (flag) => {
    if (flag === undefined)
      return { words: ['host', 'oci:', 'oci-archive:', 'docker-archive:', 'docker://'], shell: 'files' };
    return flag === 'driver' ? { words: drivers.map(({ name }) => name) } : undefined;
  },
  async alone(options, _parsed, host) {
    const { mountAlone } = await import('./alone.ts');
    return mountAlone(options, host);
  },
  async act(name, options, parsed, host) {
    const { act } = await import('./act/index.ts');
    return act(name, options, parsed, host);
  },
  nodeTopics: ['ufs-mount/gc', 'ufs-mount/gc-layout', 'ufs-mount/commit'],
  async answer(topic, payload) {
    const { answer } = await import('./answer.ts');
    return answer(topic, payload);
  },
});
