import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { CgroupRecord } from '@ctr-tools/cg-limit';
import { Failure, UsageError } from '@ctr-tools/cli';
import { parseJson, serializeJson } from '@ctr-tools/oci';
import { compile, type Plan, slot, step, template, undo } from '@ctr-tools/plan';
import { CLONE, MS } from '@ctr-tools/sys/constants';
import { readBundle } from '../container/bundle.ts';
import { commonOptions, externalMounts, findCriu, placesOf } from '../container/criu.ts';
import { making } from '../container/make.ts';
import { stateDirectory } from '../container/making.ts';
import { leave, restored, takeName } from '../container/recording.ts';
import { childPid } from '../container/state-json.ts';
import { mannerOf } from '../globals.ts';
import { type Call, has, one } from '../subcommand.ts';

const side = 'host';

/**
 * `ctr-run restore --detach ID`: a container of what `checkpoint` wrote. criu(8) makes the
 * processes itself, in a mount namespace of ours where the root is a mount, which it needs.
 */
export function run(call: Call): Plan {
  if (!has(call, 'detach')) {
    throw new UsageError('criu makes the processes, so nobody can stay with them: add --detach', 1);
  }
  const { spec, bundle } = readBundle(one(call, 'bundle') ?? call.host.cwd, call.globals.debug);
  const places = placesOf(call, false);
  const criu = findCriu(call);
  const made = making(call, spec, bundle, call.parsed.operands[0]!, 'detach');
  const cgroup = cgroupOf(places.images);
  const root = resolve(bundle, spec.root?.path ?? 'rootfs');
  const born = `${stateDirectory(made)}/restored.pid`;
  const argv = [
    ...['criu', 'restore', ...commonOptions(call, places, 'restore.log')],
    ...['--root', root, '--restore-detached', '--pidfile', born],
    ...externalMounts(spec).flatMap(({ destination, source }) => [
      '--external',
      `mnt[${destination}]:${resolve(bundle, source)}`,
    ]),
  ];
  const kill = undo('failure', 'kill', { pid: childPid, pidfd: -1, signal: 9 }, 'end the restored process');
  const steps = [
    ...takeName({ ...made, ...(cgroup && { cgroup }) }, serializeJson(spec)),
    step('root', 'unshare', { flags: CLONE.NEWNS }, 'make a mount namespace for criu', { side }),
    step('root', 'propagation', { path: '/', flags: MS.REC | MS.SLAVE }, 'cut its mounts off', { side }),
    step('root', 'root_mount', { path: root, root: slot('root') }, `make ${root} a mount`, { side }),
    step(
      'mounts',
      'helper',
      {
        file: criu,
        argv,
        env: [`PATH=${call.host.env.get('PATH') ?? '/usr/sbin:/usr/bin'}`],
        stdin: '',
        timeout: 0,
      },
      template`restore container ${made.context.id} (criu's log is ${places.work}/restore.log)`,
      { side },
    ),
    step('devices', 'read_file', { path: born, text: childPid }, 'read the PID of the restored process', {
      side,
      undo: kill,
    }),
    ...restored({ ...made, ...(cgroup && { cgroup }) }),
    leave(),
  ];
  return compile([steps], mannerOf(call.globals, 1));
}

function cgroupOf(images: string): CgroupRecord | undefined {
  const path = `${images}/ctr-run.json`;
  if (!existsSync(path))
    throw new Failure(`no images of a container in ${images}: ctr-run checkpoint writes them`);
  return (parseJson(readFileSync(path), path) as { cgroup?: CgroupRecord }).cgroup;
}
