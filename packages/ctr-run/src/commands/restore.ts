import type { CgroupRecord } from '@ctr-tools/cg-limit';
import { Failure, fromCaller } from '@ctr-tools/cli';
import { ACCESS, access, exists, readFile, readLink, resolve } from '@ctr-tools/host';
import { parseJson, serializeJson } from '@ctr-tools/oci';
import { type AnyStep, compile, type Plan, slot, step, template, undo } from '@ctr-tools/plan';
import { CLONE, MS } from '@ctr-tools/sys/constants';
import { callerPid } from '@ctr-tools/sys/proc';
import { readBundle } from '../container/bundle.ts';
import {
  commonOptions,
  externalMounts,
  findCriu,
  type Outside,
  type Places,
  placesOf,
} from '../container/criu.ts';
import { poststopCarriers } from '../container/hooks.ts';
import { making } from '../container/make.ts';
import { stateDirectory } from '../container/making.ts';
import { leave, lifetime, restored, takeName } from '../container/recording.ts';
import { childPid } from '../container/state-json.ts';
import { mannerOf } from '../globals.ts';
import { type Call, has, one } from '../subcommand.ts';

const side = 'host';
const log = 'restore.log';

/**
 * criu writes its errors to its log alone; a helper that fails has what it printed in the message.
 * Our own standard descriptors, which a helper does not have, are there as 7, 8 and 9.
 */
const runner = [
  'log=$1 own=/proc/$2/fd; shift 2',
  // One that is closed, or a socket, cannot be opened so.
  '(: <$own/0) 2>/dev/null && exec 7<$own/0',
  '(: >>$own/1) 2>/dev/null && exec 8>>$own/1',
  '(: >>$own/2) 2>/dev/null && exec 9>>$own/2',
  '"$@"; s=$?; [ $s -eq 0 ] || grep -h Error "$log" 2>/dev/null | tail -n 5 >&2; exit $s',
].join('\n');

/**
 * `ctr-run restore ID`: a container of what `checkpoint` wrote. criu(8) makes the processes
 * itself, in a mount namespace of ours where the root is a mount, which it needs. Whoever stays
 * adopts the first of them when criu has gone (PR_SET_CHILD_SUBREAPER).
 */
export function run(call: Call): Plan {
  if (has(call, 'console-socket'))
    throw new Failure(
      'restore: a terminal cannot be sent to a console socket, for criu hands none over on its command line; with --shell-job the container takes the terminal of the caller',
    );
  const course = has(call, 'detach') ? 'detach' : 'foreground';
  const { spec, bundle } = readBundle(fromCaller(call.host, one(call, 'bundle') ?? '.'), call.globals);
  const places = readablePlaces(call);
  const criu = findCriu(call);
  const made = making(call, spec, bundle, call.parsed.operands[0]!, course);
  const { cgroup, outside = [] } = checkpointed(places.images);
  const root = resolve(bundle, spec.root?.path ?? 'rootfs');
  const born = `${stateDirectory(made)}/restored.pid`;
  const argv = [
    ...['restore', ...commonOptions(call, places, log)],
    ...['--root', root, '--restore-detached', '--pidfile', born],
    ...['lsm-profile', 'lsm-mount-context'].flatMap((flag) => {
      const given = one(call, flag);
      return given === undefined ? [] : [`--${flag}`, given];
    }),
    ...externalMounts(spec).flatMap(({ destination, source }) => [
      '--external',
      `mnt[${destination}]:${resolve(bundle, source)}`,
    ]),
  ];
  const kept = outside.flatMap(({ fd, resource }) => {
    refuseSocket(call, fd);
    return ['--inherit-fd', `fd[${fd + 7}]:${resource}`];
  });
  const kill = undo('failure', 'kill', { pid: childPid, pidfd: -1, signal: 9 }, 'end the restored process');
  const recorded = { ...made, ...(cgroup && { cgroup }) };
  const steps = [
    ...poststopCarriers(spec, made.context.state, lifetime(made)),
    ...takeName(recorded, serializeJson(spec)),
    ...(course === 'foreground' ? adopting(cgroup) : []),
    step('root', 'unshare', { flags: CLONE.NEWNS }, 'make a mount namespace for criu', { side }),
    step('root', 'propagation', { path: '/', flags: MS.REC | MS.SLAVE }, 'cut its mounts off', { side }),
    step('root', 'root_mount', { path: root, root: slot('root') }, `make ${root} a mount`, { side }),
    step(
      'mounts',
      'helper',
      {
        file: '/bin/sh',
        argv: [
          'sh',
          '-c',
          runner,
          'criu',
          `${places.work}/${log}`,
          String(call.host.pid),
          criu,
          ...argv,
          ...kept,
        ],
        env: [`PATH=${call.host.env.get('PATH') ?? '/usr/sbin:/usr/bin'}`],
        stdin: '',
        timeout: 0,
      },
      template`restore container ${made.context.id} (criu's log is ${places.work}/${log})`,
      { side },
    ),
    step('devices', 'read_file', { path: born, text: childPid }, 'read the PID of the restored process', {
      side,
      undo: kill,
    }),
    ...restored(recorded),
    course === 'detach' ? leave() : stay(),
  ];
  return compile([steps], mannerOf(call.globals, 1));
}

function readablePlaces(call: Call): Places {
  const places = placesOf(call);
  try {
    access(places.images, ACCESS.READ);
  } catch (error) {
    throw new Failure(`use the image path ${places.images}: ${(error as Error).message}`);
  }
  return places;
}

/** What criu leaves becomes our child, and the groups that it made go when the container has ended. */
function adopting(cgroup: CgroupRecord | undefined): AnyStep[] {
  const groups = [...new Set(Object.values(cgroup?.paths ?? {}))];
  return [
    step('clone', 'subreaper', { on: 1 }, 'adopt what criu leaves', { side }),
    ...groups.map((path) =>
      step('clone', 'self_pid', { pid: slot('self') }, 'note the own PID', {
        side,
        undo: undo('end', 'cgroup_remove', { path, timeout: 10_000 }, `remove the cgroup ${path}`),
      }),
    ),
  ];
}

function stay(): AnyStep {
  const args = { process: 0, pid: childPid, pidfd: -1, mode: 1, pty: -1 };
  return step('supervise', 'supervise', args, 'stay with the container', { side });
}

/** A helper gets our standard descriptors by opening them again, which cannot be done with a socket (proc_pid_fd(5)). */
function refuseSocket({ host }: Call, fd: number): void {
  let link = '';
  try {
    link = readLink(`/proc/${callerPid(host.pid)}/fd/${fd}`);
  } catch {
    // It is closed, and so it will be for the container.
  }
  if (link.startsWith('socket:'))
    throw new Failure(
      `restore: descriptor ${fd} is to be the container's, and it is a socket, which criu cannot be given; give a file, a pipe or a terminal`,
    );
}

/** What `checkpoint` left beside criu's images. */
function checkpointed(images: string): { cgroup?: CgroupRecord; outside?: Outside[] } {
  const path = `${images}/ctr-run.json`;
  if (!exists(path))
    throw new Failure(`no images of a container in ${images}: ctr-run checkpoint writes them`);
  return parseJson(readFile(path), path) as { cgroup?: CgroupRecord; outside?: Outside[] };
}
