import { given, type Parsed, UsageError, type Values } from '@ctr-tools/cli';
import { flags } from './flags.ts';

type Given = Values<typeof flags>;

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

/** Throws a `UsageError` for flags of a commit to an image beside another. */
function configChange(given: Given, { flags: named, operands }: Parsed): ConfigChange {
  const { author, message, workdir, user, entrypoint, cmd, env, label } = given;
  const flag = (['author', 'message', 'workdir', 'user', 'entrypoint', 'cmd', 'env', 'label'] as const).find(
    (name) => named.has(name),
  );
  if (flag !== undefined && !operands[0]?.startsWith('oci:'))
    throw new UsageError(`--${flag} is for --commit TARGET oci:DIR[:TAG]`);
  return {
    ...(author !== undefined && { author }),
    ...(message !== undefined && { message }),
    ...(workdir !== undefined && { workdir }),
    ...(user !== undefined && { user }),
    ...(entrypoint.length > 0 && { entrypoint }),
    ...(cmd.length > 0 && { cmd }),
    ...(env.length > 0 && { env }),
    ...(label.length > 0 && { labels: label }),
  };
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
  /** The share of an image that may be hidden by its own layers. */
  wasteAtMost?: number;
  json: boolean;
  /** A command follows. */
  command: boolean;
}

/** Understand the flags. Throws `UsageError` for what does not go together. */
export function ufsOptions(parsed: Parsed): UfsOptions {
  const values = given(flags, parsed);
  const { upper, target, driver, pool, platform, temp, squash, json } = values;
  const readOnly = values['read-only'];
  if (temp && upper !== undefined)
    throw new UsageError('--temp throws changes away, --upper keeps them; give one');
  if (readOnly && (temp || upper !== undefined))
    throw new UsageError('--read-only allows no changes; leave out --temp and --upper');
  if (pool !== undefined && driver !== 'devicemapper')
    throw new UsageError('--pool is for --driver devicemapper');
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
    change: configChange(values, parsed),
    squash,
    ...(values['waste-at-most'] !== undefined && { wasteAtMost: values['waste-at-most'] }),
    json,
    command: parsed.command !== undefined,
  };
}
