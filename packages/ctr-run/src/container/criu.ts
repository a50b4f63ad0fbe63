import { Failure, fromCaller, UsageError } from '@ctr-tools/cli';
import { ACCESS, isAccessible, readText } from '@ctr-tools/host';
import { type Call, has, many, one } from '../subcommand.ts';

/** Where criu's images of a container are, and its log. */
export interface Places {
  images: string;
  work: string;
}

/** The directories of a call. */
export function placesOf(call: Call): Places {
  const images = fromCaller(call.host, one(call, 'image-path') ?? 'checkpoint');
  const work = fromCaller(call.host, one(call, 'work-path') ?? images);
  return { images, work };
}

/** criu(8), of `--criu` or in PATH. */
export function findCriu(call: Call): string {
  const given = call.globals.criu;
  const path = call.host.env.get('PATH') ?? '/usr/sbin:/usr/bin:/sbin:/bin';
  const places = given?.includes('/') ? [given] : path.split(':').map((dir) => `${dir}/${given ?? 'criu'}`);
  const found = [...places, ...(given ? [] : ['/usr/sbin/criu'])].find((file) =>
    isAccessible(file, ACCESS.EXECUTE),
  );
  if (found === undefined)
    throw new Failure(
      `no program ${given ?? 'criu'}: checkpoint and restore need CRIU (Debian's package criu)`,
    );
  return found;
}

/** Options that dump and restore have in common (criu(8)). */
export function commonOptions(call: Call, { images, work }: Places, log: string): string[] {
  const mode = one(call, 'manage-cgroups-mode') ?? 'soft';
  if (!['soft', 'full', 'strict', 'ignore'].includes(mode))
    throw new UsageError(`--manage-cgroups-mode is "${mode}"; it can be soft, full, strict or ignore`, 1);
  const kinds = many(call, 'empty-ns');
  const other = kinds.find((kind) => kind !== 'network');
  if (other !== undefined) throw new UsageError(`--empty-ns is "${other}"; it can be network`, 1);
  const same = ['tcp-established', 'ext-unix-sk', 'shell-job', 'file-locks', 'auto-dedup', 'lazy-pages'];
  return [
    ...['--images-dir', images, '--work-dir', work, '--log-file', log, '-v4', `--manage-cgroups=${mode}`],
    ...same.filter((flag) => has(call, flag)).map((flag) => `--${flag}`),
    ...(kinds.length > 0 ? ['--empty-ns', 'net'] : []),
  ];
}

/** What stands in every log beside the reason: what criu could not find out, and that it failed. */
export const besides = "FAILED\\.$|rlimit: Can't setup|tun: Unable to create|cgroupd: recv req";

/** What criu's log says went wrong, for the message; the whole stays where it is. */
export function troubleIn(path: string): string {
  let text: string;
  try {
    text = readText(path);
  } catch {
    return '';
  }
  // Lines of criu's own, not what programs print that it starts.
  const noise = new RegExp(besides);
  const errors = text.split('\n').filter((line) => line.includes('Error (') && !noise.test(line));
  return `${errors
    .slice(-2)
    .map((line) => line.replace(/^\([^)]*\)\s*(?:\d+:\s*)?/, '').trim())
    .join(' / ')} (all of it in ${path})`;
}
