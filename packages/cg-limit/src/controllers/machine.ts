/** Limits as shares of the machine: `50%` of its memory, or of the processes that it can have. */
import { UsageError } from '@ctr-tools/cli';
import { readText } from '@ctr-tools/host';

const read = (path: string): string => {
  try {
    return readText(path);
  } catch {
    return '';
  }
};

/** A share, in millionths; undefined for what is none. Throws a `UsageError` for none at all, and for more than all. */
export function shareOf(text: string, flag: string): bigint | undefined {
  const [, number] = /^(\d+(?:\.\d+)?|\.\d+)%$/.exec(text) ?? [];
  if (number === undefined) return undefined;
  const share = Number(number);
  if (!(share > 0 && share <= 100))
    throw new UsageError(`--${flag} is "${text}"; a share of the machine is more than 0% and at most 100%`);
  return BigInt(Math.round(share * 10_000));
}

const PAGE = 4096n;

/** Bytes of the machine's memory (proc_meminfo(5)), and of its swap where that counts too; whole pages. */
export function memoryShare(millionths: bigint, withSwap: boolean, meminfo = read('/proc/meminfo')): bigint {
  const kib = (name: string): bigint =>
    BigInt(new RegExp(`^${name}: +(\\d+) kB$`, 'm').exec(meminfo)?.[1] ?? 0);
  const all = (kib('MemTotal') + (withSwap ? kib('SwapTotal') : 0n)) * 1024n;
  return ((all * millionths) / 1_000_000n / PAGE) * PAGE;
}

/** Of the processes that the kernel has room for (proc_sys_kernel(5): pid_max, threads-max); one at least. */
export function processShare(millionths: bigint): bigint {
  const most = ['pid_max', 'threads-max']
    .map((name) => read(`/proc/sys/kernel/${name}`).trim())
    .filter((text) => /^\d+$/.test(text))
    .reduce((least, text) => Math.min(least, Number(text)), 4_194_304);
  const share = (BigInt(most) * millionths) / 1_000_000n;
  return share > 0n ? share : 1n;
}
