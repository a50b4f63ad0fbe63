import { cgroupRecord, rdtDirectories, warnings } from '@ctr-tools/cg-limit/container';
import { Failure, fromCaller } from '@ctr-tools/cli';
import { ACCESS, access, exists, readFile, readLink, resolve } from '@ctr-tools/host';
import { parseJson, type Spec, serializeJson } from '@ctr-tools/oci';
import { type AnyStep, compile, type Plan, step, template, undo } from '@ctr-tools/plan';
import { callerPid } from '@ctr-tools/sys/proc';
import { readBundle } from '../container/bundle.ts';
import { gatherGroups } from '../container/compose.ts';
import { commonOptions, findCriu, type Places, placesOf } from '../container/criu.ts';
import { poststopCarriers } from '../container/hooks.ts';
import { making, warn } from '../container/make.ts';
import { stateDirectory } from '../container/making.ts';
import { externalMounts, type Outside, type OutsideMount, outsideNamespaces } from '../container/outside.ts';
import { leave, lifetime, restored, takeName } from '../container/recording.ts';
import { groupSteps, runner, runnerSteps, searcherOf, viewSteps } from '../container/restoring.ts';
import { childPid } from '../container/state-json.ts';
import { mannerOf } from '../globals.ts';
import { type Call, has, one } from '../subcommand.ts';

const side = 'host';
const log = 'restore.log';

/**
 * `ctr-run restore ID`: a container of what `checkpoint` wrote. criu(8) makes the processes itself, below a process
 * of ours that is in the container's groups. Whoever stays adopts the first of them when both have gone
 * (PR_SET_CHILD_SUBREAPER).
 */
export async function run(call: Call): Promise<Plan> {
  if (has(call, 'console-socket'))
    throw new Failure(
      'restore: a terminal cannot be sent to a console socket, for criu hands none over on its command line; with --shell-job the container takes the terminal of the caller',
    );
  const course = has(call, 'detach') ? 'detach' : 'foreground';
  const { spec, bundle } = readBundle(fromCaller(call.host, one(call, 'bundle') ?? '.'), call.globals);
  const places = readablePlaces(call);
  const criu = findCriu(call);
  const made = making(call, spec, bundle, call.parsed.operands[0]!, course);
  const { outside = [], mounts = [] } = checkpointed(places.images);
  const root = resolve(bundle, spec.root?.path ?? 'rootfs');
  const born = `${stateDirectory(made)}/restored.pid`;
  const namespaces = outsideNamespaces(spec);
  const [net = '', pid = ''] = [5, 6].map((fd) => namespaces.find(({ open }) => open?.fd === fd)?.open?.path);
  const argv = [
    ...['restore', ...commonOptions(call, places, log)],
    ...['--root', root, '--restore-detached', '--pidfile', born],
    ...['lsm-profile', 'lsm-mount-context'].flatMap((flag) => {
      const given = one(call, flag);
      return given === undefined ? [] : [`--${flag}`, given];
    }),
    ...[...externalMounts(spec), ...mounts].flatMap(({ destination, source }) => [
      '--external',
      `mnt[${destination}]:${resolve(bundle, source)}`,
    ]),
    ...namespaces.flatMap(({ restore }) => restore),
    ...outside.flatMap(({ fd, resource }) => {
      refuseSocket(call, fd);
      return ['--inherit-fd', `fd[${fd + 7}]:${resource}`];
    }),
  ];
  const facts = await gatherGroups(made, call.host);
  warn(warnings(spec, facts.cgroup), call.globals);
  const cgroup = cgroupRecord(facts.cgroup);
  const resctrl = rdtDirectories(spec, facts.cgroup);
  const recorded = { ...made, ...(cgroup && { cgroup }), ...(resctrl.length > 0 && { resctrl }) };
  const shell = [
    'sh',
    '-c',
    runner,
    'criu',
    `${places.work}/${log}`,
    String(call.host.pid),
    born,
    net,
    pid,
    places.images,
    searcherOf(spec, places),
  ];
  const env = [`PATH=${call.host.env.get('PATH') ?? '/usr/sbin:/usr/bin'}`];
  const words = template`restore container ${made.context.id} (criu's log is ${places.work}/${log})`;
  const kill = undo('failure', 'kill', { pid: childPid, signal: 9 }, 'end the restored process');
  const steps = [
    ...poststopCarriers(spec, made.context, lifetime(made)),
    ...takeName(recorded, serializeJson(withTime(spec))),
    step('state', 'mkdirs', { path: places.work, mode: 0o700 }, `make the work path ${places.work}`, {
      side,
    }),
    ...(course === 'foreground'
      ? [step('state', 'subreaper', { on: 1 }, 'adopt what criu leaves', { side })]
      : []),
    ...groupSteps(spec, facts),
    ...viewSteps(spec, root),
    ...runnerSteps([...shell, criu, ...argv], env, words),
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

/** criu restores processes into a time namespace, so that their clocks go on; whoever executes in the container joins it. */
function withTime(spec: Spec): Spec {
  const namespaces = spec.linux?.namespaces ?? [];
  if (namespaces.some(({ type }) => type === 'time') || !exists('/proc/self/ns/time')) return spec;
  return { ...spec, linux: { ...spec.linux, namespaces: [...namespaces, { type: 'time' }] } };
}

function stay(): AnyStep {
  const args = { process: 0, pid: childPid, ending: 'by_code' } as const;
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
interface Checkpointed {
  outside?: Outside[];
  mounts?: OutsideMount[];
}

function checkpointed(images: string): Checkpointed {
  const path = `${images}/ctr-run.json`;
  if (!exists(path))
    throw new Failure(`no images of a container in ${images}: ctr-run checkpoint writes them`);
  return parseJson(readFile(path), path) as Checkpointed;
}
