import { type Parsed, UsageError } from '@ctr-tools/cli';
import { type Platform, parsePlatform } from '@ctr-tools/oci/image';

/** What is said of an image in its configuration (image-spec config.md). */
export interface ConfigChange {
  author?: string;
  /** What the layer's entry in the history says. */
  message?: string;
  entrypoint?: string[];
  cmd?: string[];
  /** NAME=VALUE: instead of what has the same name. */
  env?: string[];
  labels?: string[];
  workdir?: string;
  user?: string;
}

/** `OS/ARCH[/VARIANT]`, or an architecture alone. Throws a `UsageError`. */
export function platformOf(text: string): Platform {
  const platform = parsePlatform(text);
  if (!platform) throw new UsageError(`--platform is "${text}"; it is OS/ARCH[/VARIANT]: linux/arm64`);
  return platform;
}

/** Throws a `UsageError` for flags of a commit to an image beside anything else. */
function configChange(parsed: Parsed): ConfigChange {
  const one = (name: string): string | undefined => parsed.flags.get(name)?.at(-1);
  const found = Object.fromEntries(
    [
      ...(['author', 'message', 'workdir', 'user'] as const).map((name) => [name, one(name)]),
      ...(['entrypoint', 'cmd', 'env'] as const).map((name) => [name, parsed.flags.get(name)]),
      ['labels', parsed.flags.get('label')],
    ].filter(([, value]) => value !== undefined),
  ) as ConfigChange;
  const [given] = Object.keys(found);
  const isImage = parsed.flags.has('commit') && parsed.operands[0]?.startsWith('oci:');
  if (given !== undefined && !isImage)
    throw new UsageError(`--${given === 'labels' ? 'label' : given} is for --commit TARGET oci:DIR[:TAG]`);
  for (const name of ['env', 'labels'] as const)
    for (const text of found[name] ?? [])
      if (!/^[^=]+=/.test(text))
        throw new UsageError(`--${name === 'labels' ? 'label' : name} is "${text}"; it is NAME=VALUE`);
  return found;
}

/** What a command line asks of ufs-mount. */
export interface UfsOptions {
  /** Bottom layer first. */
  sources: readonly string[];
  temp: boolean;
  readOnly: boolean;
  upper?: string;
  target?: string;
  driver?: string;
  pool?: string;
  /** As it was given; it parses. */
  platform?: string;
  /** What `--commit` is to say in the image's configuration. */
  change?: ConfigChange;
  /** `--commit` writes the whole tree as one layer. */
  squash?: boolean;
  json: boolean;
  /** A command follows. */
  command: boolean;
}

/** Understand the flags. Throws `UsageError` for what does not go together. */
export function ufsOptions(parsed: Parsed): UfsOptions {
  const one = (name: string): string | undefined => parsed.flags.get(name)?.at(-1);
  const upper = one('upper');
  const target = one('target');
  const driver = one('driver');
  const pool = one('pool');
  const platform = one('platform');
  if (platform !== undefined) platformOf(platform);
  if (parsed.flags.has('squash') && !parsed.flags.has('commit'))
    throw new UsageError('--squash is for --commit');
  const temp = parsed.flags.has('temp');
  const readOnly = parsed.flags.has('read-only');
  if (temp && upper !== undefined)
    throw new UsageError('--temp throws changes away, --upper keeps them; give one');
  if (readOnly && (temp || upper !== undefined))
    throw new UsageError('--read-only allows no changes; leave out --temp and --upper');
  if (pool !== undefined && driver !== 'devicemapper')
    throw new UsageError('--pool is for --driver devicemapper');
  if (pool !== undefined && (!/^[\w.+-]+$/.test(pool) || pool === 'loop'))
    throw new UsageError(`--pool is "${pool}"; it is the name of a device in /dev/mapper`);
  if (target !== undefined && parsed.command)
    throw new UsageError('--target is where a root is mounted to stay; a command has its root to itself');
  return {
    sources: parsed.operands,
    temp,
    readOnly,
    ...(upper !== undefined && { upper }),
    ...(target !== undefined && { target }),
    ...(driver !== undefined && { driver }),
    ...(pool !== undefined && { pool }),
    ...(platform !== undefined && { platform }),
    change: configChange(parsed),
    squash: parsed.flags.has('squash'),
    json: parsed.flags.has('json'),
    command: parsed.command !== undefined,
  };
}
