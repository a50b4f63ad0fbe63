import { argsOf, defineTool, UsageError } from '@ctr-tools/cli';
import { needNode } from '@ctr-tools/host';
import { storedImages, storeOf } from '@ctr-tools/ufs-mount/store';
import { flags } from './flags.ts';
import { type PullOptions, pullOptions } from './options.ts';

/** Images between registries, files and the store that ufs-mount mounts from. */
export const imgPull = defineTool<PullOptions, undefined>({
  meta: {
    name: 'img-pull',
    description: 'bring images from a registry into the store of layers, and back',
  },
  usage: [
    'REF... [FLAGS]',
    'REF --to oci:DIR[:TAG] | oci-archive:FILE | docker-archive:FILE',
    '--push FROM REF',
    '--list | --tree | --remove REF',
    '--referrers REF',
  ],
  command: 'never',
  args: argsOf(flags),
  examples: [
    [
      'img-pull alpine:3',
      'into the store; prints docker.io/library/alpine@sha256:…, which names it for good',
    ],
    ['ctr-run run --image docker.io/library/alpine:3 -- sh', 'run it; what the store lacks is pulled first'],
    ['img-pull alpine:3 --platform linux/arm64 --to oci:./alpine:arm64', 'a directory for another machine'],
    ['img-pull --push oci:./app:1 registry.example/team/app:1', 'publish what ufs-mount --commit made'],
  ],
  notes: [
    'REF is [REGISTRY/]NAME[:TAG][@sha256:DIGEST]; without a registry it is docker.io, without a tag latest.',
    'Layers are verified and applied while they arrive, and are in the store whole or not at all. What was cut off goes on where it ended, in the next run too.',
    'Credentials come from $REGISTRY_AUTH_FILE, $XDG_RUNTIME_DIR/containers/auth.json, ~/.config/containers/auth.json and $DOCKER_CONFIG/config.json (~/.docker/config.json), with credential helpers; podman login and docker login write them.',
    'Mirrors, other places and plain HTTP are read from containers-registries.conf(5): ~/.config/containers/registries.conf, else /etc/containers/registries.conf and registries.conf.d. Certificates: /etc/docker/certs.d/HOST and /etc/containers/certs.d/HOST.',
    'Variables: CTR_STORE is where the store is, as for ufs-mount. HTTPS_PROXY, HTTP_PROXY and NO_PROXY are obeyed, and SSL_CERT_FILE.',
  ],
  exits: [
    ['0', 'all images were pulled, or what was asked was answered'],
    ['125', 'else; what had come whole stays for the next time'],
  ],
  options: (parsed) => pullOptions(parsed),
  gather: () => undefined,
  amend: (spec) => spec,
  steps: () => [],
  suggest: (flag, host) =>
    flag === 'remove' || flag === 'push'
      ? {
          words: storedImages(storeOf(host)).map(({ name }) => name),
          ...(flag === 'push' && { shell: 'files' }),
        }
      : flag === 'to'
        ? { words: ['oci:', 'oci-archive:', 'docker-archive:'] }
        : flag === undefined || flag === 'referrers'
          ? { words: [] }
          : undefined,
  async alone(options, parsed, host) {
    if (options.references.length === 0)
      throw new UsageError('which image? img-pull docker.io/library/alpine:3');
    if (parsed.flags.has('plan')) {
      const { pullWould } = await import('./would.ts');
      return pullWould(options, host);
    }
    needNode('pulling');
    const { pull } = await import('./pull.ts');
    return pull(options, host);
  },
  async act(name, options, parsed, host) {
    const { act } = await import('./act/index.ts');
    return act(name, options, parsed, host);
  },
  async answer(topic, payload) {
    if (topic !== 'img-pull/remove') throw new Error(`img-pull knows no topic ${topic}`);
    const { answerRemove } = await import('./act/remove.ts');
    return answerRemove(payload);
  },
});
