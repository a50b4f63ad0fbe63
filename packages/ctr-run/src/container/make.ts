import * as capsDrop from '@ctr-tools/caps-drop/container';
import * as cgLimit from '@ctr-tools/cg-limit/container';
import { type ContainerContext, err, Failure, fromCaller, type Host } from '@ctr-tools/cli';
import { hex, randomBytes, resolve } from '@ctr-tools/host';
import { invalidId, type Spec } from '@ctr-tools/oci';
import { type AnyStep, compile, type Plan } from '@ctr-tools/plan';
import { rootAnnotation } from '@ctr-tools/ufs-mount/annotation';
import type { Globals } from '../globals.ts';
import { mannerOf } from '../globals.ts';
import { logWarning } from '../log.ts';
import { readRecord } from '../state/record.ts';
import { type Call, has, one } from '../subcommand.ts';
import { tell } from '../warnings.ts';
import { containerSteps, gatherContainer } from './compose.ts';
import type { Course, Making } from './making.ts';
import { managerSocket, withNotifySocket } from './notify.ts';
import { childPid, stateJson } from './state-json.ts';

/** An ID for a container that nobody named: twelve hexadecimal digits, as Docker shows them. */
export const madeUpId = (): string => hex(randomBytes(6));

/** Refuse an ID that cannot be one, or that is taken, before anything is touched. */
function freeId(id: string, root: string): string {
  const wrong = invalidId(id);
  if (wrong !== undefined) throw new Failure(`invalid container ID "${id}": ${wrong}`);
  if (readRecord(root, id))
    throw new Failure(`container with given ID already exists: "${id}"; choose another, or delete that one`);
  return id;
}

/** Put the decisions of a command line and a spec together. */
export function making(call: Call, spec: Spec, bundle: string, id: string, course: Course): Making {
  const { host, globals } = call;
  freeId(id, globals.root);
  const identity = { id, bundle, annotations: spec.annotations };
  const context: ContainerContext = {
    id,
    bundle,
    directory: `${globals.root}/${id}`,
    lifetime: course === 'foreground' && !has(call, 'keep') ? 'command' : 'kept',
    systemdCgroup: globals.systemdCgroup,
    noPivot: has(call, 'no-pivot'),
    noNewKeyring: has(call, 'no-new-keyring'),
    preserveFds: preserved(call),
    state: (status) => stateJson(identity, status, status === 'stopped' ? undefined : childPid),
  };
  const path = (flag: string): string | undefined => {
    const given = one(call, flag);
    return given === undefined ? undefined : fromCaller(host, given);
  };
  const pidFile = path('pid-file');
  const consoleSocket = path('console-socket');
  const pidfdSocket = path('pidfd-socket');
  checkTerminal(spec, course, consoleSocket);
  const notify = managerSocket(host);
  return {
    spec: notify === undefined ? spec : withNotifySocket(spec, context.directory),
    ...(notify !== undefined && spec.process && { notify }),
    ...rootOf(spec, bundle),
    context,
    course,
    root: globals.root,
    created: new Date().toISOString(),
    owner: host.euid,
    keep: has(call, 'keep'),
    remove: [],
    ...(pidFile !== undefined && { pidFile }),
    ...(consoleSocket !== undefined && { consoleSocket }),
    ...(pidfdSocket !== undefined && { pidfdSocket }),
    time: has(call, 'time'),
    specOnStdin: false,
  };
}

/** With what has to be there before its mounts are made. */
export function withBefore(made: Making, before: readonly AnyStep[] = []): Making {
  const makes = before.flatMap(({ args }) => (typeof args.path === 'string' ? [args.path] : []));
  return { ...made, before, context: { ...made.context, makes } };
}

/** Engines are told where the root is (runc-state(8)); one made of layers is nowhere on the host. */
function rootOf({ root, annotations }: Spec, bundle: string): { rootfs?: string } {
  if (!root || annotations?.[rootAnnotation] !== undefined) return {};
  return { rootfs: resolve(bundle, root.path) };
}

/** `--preserve-fds N`; whether they are open is checked by who passes them on (packages/process). */
function preserved(call: Call): number {
  const given = one(call, 'preserve-fds') ?? '0';
  if (!/^\d+$/.test(given)) throw new Failure(`--preserve-fds is "${given}"; it is a number of descriptors`);
  return Number(given);
}

/** Where a detached container's terminal goes must be known, and a console socket needs a terminal (runc's terminals.md). */
function checkTerminal(spec: Spec, course: Course, consoleSocket: string | undefined): void {
  const terminal = spec.process?.terminal === true;
  if (terminal && course !== 'foreground' && consoleSocket === undefined) {
    throw new Failure('cannot allocate tty if ctr-run will detach without setting console socket');
  }
  if (!terminal && consoleSocket !== undefined) {
    throw new Failure(
      '--console-socket is given, but process.terminal is false: the container has no terminal to send',
    );
  }
  if (consoleSocket !== undefined && course === 'foreground') {
    throw new Failure('--console-socket is for a container that nobody stays with: add --detach');
  }
}

/**
 * Say what cannot be given: to the log where there is one, as runc does, for an engine may hand our stderr on as
 * the container's; and on stderr where there is none, or who called looks closer.
 */
export function warn(texts: readonly string[], globals: Globals): void {
  for (const text of texts) {
    logWarning(globals, text);
    if (!globals.log || globals.debug) err(`ctr-run: warning: ${text}\n`);
  }
}

/** The plan of a container. `exit`: 1 for OCI's forms, 125 for people's. */
export async function containerPlan(made: Making, host: Host, globals: Globals, exit: number): Promise<Plan> {
  const facts = await gatherContainer(made, host, exit);
  warn(capsDrop.warnings(made.spec, facts.capabilities), globals);
  warn(cgLimit.warnings(made.spec, facts.cgroup), globals);
  for (const text of facts.filter?.warnings ?? []) tell(text, globals);
  const steps = containerSteps(made, facts);
  return compile([steps], mannerOf(globals, exit));
}
