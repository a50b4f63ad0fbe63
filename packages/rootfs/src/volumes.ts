import { UsageError } from '@ctr-tools/cli';
import { resolve } from '@ctr-tools/host';
import { type Mount, parseMountOptions } from '@ctr-tools/oci';

/**
 * A volume as `docker run -v` takes it: `SRC:DST[:OPTION,…]`. The source is a path, from
 * `cwd` where relative; mounts below it come along, and mounts made later do not pass
 * between container and host unless an option says so.
 */
export function parseVolume(text: string, cwd: string): Mount {
  const [source, destination, list, ...rest] = text.split(':');
  if (!source || !destination || rest.length > 0) {
    throw new UsageError(`"${text}" is not a volume; write SOURCE:DESTINATION[:OPTIONS]`);
  }
  if (!source.includes('/') && source !== '.' && source !== '..') {
    throw new UsageError(`volume "${source}": there are no named volumes; write ./${source} for a directory`);
  }
  // z and Z ask for an SELinux label, of which there is none to give without SELinux.
  const words = (list ?? '').split(',').filter((w) => w !== '' && w !== 'z' && w !== 'Z');
  return bindMount(resolve(cwd, source), absolute(destination, text), words);
}

/** A tmpfs as `docker run --tmpfs` takes it: `DST[:OPTION,…]`. */
export function parseTmpfs(text: string): Mount {
  const at = text.indexOf(':');
  const destination = absolute(at < 0 ? text : text.slice(0, at), text);
  const words = at < 0 ? [] : text.slice(at + 1).split(',');
  return { destination, type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'nodev', 'noexec', ...words] };
}

/** A mount as `docker run --mount` takes it: `type=bind,source=SRC,target=DST[,readonly]` and the like. */
export function parseMount(text: string, cwd: string): Mount {
  const options: string[] = [];
  const fields = new Map<string, string>();
  for (const word of text.split(',')) {
    const at = word.indexOf('=');
    const key = at < 0 ? word : word.slice(0, at);
    const value = at < 0 ? '' : word.slice(at + 1);
    const name = mountKeys[key];
    if (name === undefined) throw new UsageError(`"${key}" in "${text}" is not known; see --help`);
    if (name === 'readonly') options.push(value === 'false' ? 'rw' : 'ro');
    else if (name === 'option') options.push(...value.split(':'));
    else if (name === 'propagation') options.push(value);
    else if (name === 'size' || name === 'mode') options.push(`${name}=${value}`);
    else fields.set(name, value);
  }
  const destination = absolute(fields.get('target') ?? '', text);
  const type = fields.get('type') ?? 'bind';
  const source = fields.get('source');
  if (type === 'bind') {
    if (!source) throw new UsageError(`"${text}" lacks source=PATH`);
    return bindMount(resolve(cwd, source), destination, options);
  }
  return { destination, type, source: source ?? type, ...(options.length > 0 && { options }) };
}

const mountKeys: Record<string, string> = {
  type: 'type',
  source: 'source',
  src: 'source',
  target: 'target',
  destination: 'target',
  dst: 'target',
  readonly: 'readonly',
  ro: 'readonly',
  option: 'option',
  'bind-propagation': 'propagation',
  'tmpfs-size': 'size',
  'tmpfs-mode': 'mode',
};

function bindMount(source: string, destination: string, words: readonly string[]): Mount {
  const given = parseMountOptions(words);
  if (given.data !== '') throw new UsageError(`"${given.data}" is not an option of a bind mount`);
  const options = [...words];
  if (!given.bind) options.unshift('rbind');
  if (given.propagation.length === 0) options.push('rprivate');
  return { destination, type: 'bind', source, options };
}

function absolute(destination: string, text: string): string {
  if (!destination.startsWith('/')) {
    throw new UsageError(`"${text}": the destination must be an absolute path in the container`);
  }
  return destination;
}
