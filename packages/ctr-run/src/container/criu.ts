import { Failure, fromCaller, UsageError } from '@ctr-tools/cli';
import { ACCESS, isAccessible, readLink, readText, stat } from '@ctr-tools/host';
import type { Spec } from '@ctr-tools/oci';
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

/** Mounts that come from outside, by the name under which an image knows them: their place. */
export const externalMounts = (spec: Spec): { destination: string; source: string }[] =>
  (spec.mounts ?? [])
    .filter(({ type, options }) => type === 'bind' || options?.some((o) => o === 'bind' || o === 'rbind'))
    .map(({ destination, source }) => ({ destination, source: source ?? '' }));

/** One of a container's standard descriptors that came from outside, by criu's name for it (criu(8), --inherit-fd). */
export interface Outside {
  fd: number;
  resource: string;
}

/**
 * Standard descriptors that a container has from outside: a pipe, or a file on a mount that it
 * does not have. criu dumps neither by itself; who restores gives others in their places. A
 * terminal of the caller's is the matter of --shell-job.
 */
export function outsideOf(pid: number): Outside[] {
  const read = (path: string): string => readText(`/proc/${pid}/${path}`);
  const mounts = new Set(
    read('mountinfo')
      .split('\n')
      .map((line) => line.split(' ')[0]),
  );
  return [0, 1, 2].flatMap((fd): Outside[] => {
    let link: string;
    try {
      link = readLink(`/proc/${pid}/fd/${fd}`);
    } catch {
      return []; // closed
    }
    if (link.startsWith('pipe:')) return [{ fd, resource: link }];
    const [, mount] = /^mnt_id:\s*(\d+)$/m.exec(read(`fdinfo/${fd}`)) ?? [];
    if (!link.startsWith('/') || /^\/dev\/(?:pts\/|tty)/.test(link) || mounts.has(mount)) return [];
    const { ino } = stat(`/proc/${pid}/fd/${fd}`);
    return [{ fd, resource: `file[${Number(mount).toString(16)}:${ino.toString(16)}]` }];
  });
}

/** What criu's log says went wrong, for the message; the whole stays where it is. */
export function troubleIn(path: string): string {
  let text: string;
  try {
    text = readText(path);
  } catch {
    return '';
  }
  const errors = text.split('\n').filter((line) => /\bError\b/.test(line));
  return `${errors
    .slice(-5)
    .map((line) => line.replace(/^\([^)]*\)\s*/, '').trim())
    .join(' / ')} (all of it in ${path})`;
}
