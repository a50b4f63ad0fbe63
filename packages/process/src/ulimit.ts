import { UsageError } from '@ctr-tools/cli';
import type { Integer, Rlimit } from '@ctr-tools/oci';
import { RLIM_INFINITY, rlimitNames } from '@ctr-tools/sys/constants';

/**
 * A limit as `docker run --ulimit` takes it: `nofile=1024`, `nofile=1024:2048`, with
 * `unlimited` or -1 for none. Soft and hard are the same where one number is given.
 */
export function parseUlimit(text: string): Rlimit {
  const match = /^(?:RLIMIT_)?([a-z]+)=([^:]+)(?::(.+))?$/i.exec(text);
  const type = `RLIMIT_${match?.[1]?.toUpperCase()}`;
  if (!match) throw new UsageError(`"${text}" is no limit; write NAME=SOFT[:HARD], as nofile=1024:2048`);
  if (!(rlimitNames as readonly string[]).includes(type)) {
    const known = rlimitNames.map((n) => n.slice('RLIMIT_'.length).toLowerCase());
    throw new UsageError(`there is no resource limit "${match[1]}"; there are ${known.join(', ')}`);
  }
  const soft = limitValue(match[2]!, text);
  return { type, soft, hard: match[3] === undefined ? soft : limitValue(match[3], text) };
}

function limitValue(word: string, text: string): Integer {
  if (word === 'unlimited' || word === '-1') return RLIM_INFINITY;
  if (!/^\d+$/.test(word) || BigInt(word) > RLIM_INFINITY) {
    throw new UsageError(`"${word}" in "${text}" is not a number and not "unlimited"`);
  }
  const value = BigInt(word);
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
}
