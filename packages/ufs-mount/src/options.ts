import { type Parsed, UsageError } from '@ctr-tools/cli';

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
    json: parsed.flags.has('json'),
    command: parsed.command !== undefined,
  };
}
