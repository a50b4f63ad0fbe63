import { spawnSync } from 'node:child_process';
import { openSync, readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Failure, UsageError } from '@ctr-tools/cli';
import { makeDirectories } from '@ctr-tools/cli/node';
import { parseJson, type Spec } from '@ctr-tools/oci';
import { compile, type Plan } from '@ctr-tools/plan';
import { callerPid } from '@ctr-tools/sys/proc';
import { commonOptions, findCriu, type Places, placesOf, troubleIn } from '../container/criu.ts';
import { externalMounts, outsideMounts, outsideNamespaces, outsideOf } from '../container/outside.ts';
import { removalSteps, specOf } from '../container/removal.ts';
import { mannerOf } from '../globals.ts';
import { theRecord } from '../state/record.ts';
import { statusOf } from '../state/status.ts';
import { type Call, has, one } from '../subcommand.ts';

const log = 'dump.log';

/**
 * `ctr-run checkpoint ID`: the processes of a container into files, through criu(8). It ends them unless told
 * otherwise, and then the container is deleted, as with runc and crun, so that `restore` may have its name.
 */
export function run(call: Call): number | Plan {
  const record = theRecord(call.globals.root, call.parsed.operands[0]!);
  const status = statusOf(record);
  if (status !== 'running' && status !== 'paused')
    throw new Failure(`cannot checkpoint container ${record.id}: it is ${status}`);
  const criu = findCriu(call);
  const places = madePlaces(call);
  const config = `${record.directory}/config.json`;
  const spec = parseJson(readFileSync(config), config) as Spec;
  const parent = one(call, 'parent-path');
  const outside = outsideOf(record.pid!);
  const mounts = outsideMounts(record.pid!, spec);
  const argv = [
    ...[has(call, 'pre-dump') ? 'pre-dump' : 'dump', '--tree', String(record.pid)],
    ...commonOptions(call, places, log),
    ...['--root', resolve(record.bundle, spec.root?.path ?? 'rootfs')],
    ...[...externalMounts(spec), ...mounts].flatMap(({ destination }) => [
      '--external',
      `mnt[${destination}]:${destination}`,
    ]),
    ...outsideNamespaces(spec).flatMap(({ dump }) => dump),
    ...outside.flatMap(({ resource }) => (resource.startsWith('file[') ? ['--external', resource] : [])),
    ...(parent === undefined ? [] : ['--prev-images-dir', parent, '--track-mem']),
    ...(has(call, 'leave-running') ? ['--leave-running'] : []),
    ...pageServer(one(call, 'page-server')),
  ];
  const tell = statusFd(call);
  const stdio = ['ignore', 'pipe', 'pipe', ...(tell === undefined ? [] : [tell])] as const;
  if (tell !== undefined) argv.push('--status-fd', '3');
  // Images are read by whoever may search their directory; in a user namespace that is another user.
  process.umask(0o022);
  const ended = spawnSync(criu, argv, { encoding: 'utf8', stdio: [...stdio] });
  if (ended.status !== 0) {
    const words = troubleIn(`${places.work}/${log}`) || ended.stderr.trim().split('\n').slice(-3).join(' / ');
    throw new Failure(
      `checkpoint container ${record.id}: ${words || (ended.error?.message ?? 'criu failed')}`,
    );
  }
  // What restore cannot learn from criu's images.
  writeFileSync(`${places.images}/ctr-run.json`, JSON.stringify({ outside, mounts }));
  if (has(call, 'leave-running') || has(call, 'pre-dump')) return 0;
  return compile([removalSteps(record, specOf(record), undefined)], mannerOf(call.globals, 1));
}

function madePlaces(call: Call): Places {
  const places = placesOf(call);
  try {
    for (const path of [places.images, places.work]) makeDirectories(path, 0o700);
  } catch (error) {
    throw new Failure(`use the image path ${places.images}: ${(error as Error).message}`);
  }
  return places;
}

/** `--status-fd N` is the caller's descriptor, which the planner reaches through the launcher's (proc_pid_fd(5)). */
function statusFd(call: Call): number | undefined {
  const given = one(call, 'status-fd');
  if (given === undefined) return undefined;
  if (!/^\d+$/.test(given))
    throw new UsageError(`--status-fd is "${given}"; it is the number of a descriptor`, 1);
  try {
    return openSync(`/proc/${callerPid(call.host.pid)}/fd/${given}`, 'w');
  } catch (error) {
    throw new Failure(`open descriptor ${given} of --status-fd: ${(error as Error).message}`);
  }
}

function pageServer(text: string | undefined): string[] {
  if (text === undefined) return [];
  const found = /^(.+):(\d+)$/.exec(text);
  if (!found) throw new UsageError(`--page-server is "${text}"; it is ADDRESS:PORT`, 1);
  return ['--page-server', '--address', found[1]!, '--port', found[2]!];
}
