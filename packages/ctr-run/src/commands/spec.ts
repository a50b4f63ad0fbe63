import { Failure, fromCaller, type Outcome, out, UsageError } from '@ctr-tools/cli';
import { exists } from '@ctr-tools/host';
import { defaultSpec, rootlessSpec, type Spec, serializeJson } from '@ctr-tools/oci';
import { type AnyStep, compile, type Manner, step, undo } from '@ctr-tools/plan';
import { madeUpId } from '../container/make.ts';
import { type Peoples, peoplesSpec, unpacked } from '../container/people.ts';
import { idAnnotation } from '../container/source.ts';
import { mannerOf } from '../globals.ts';
import { isPeoples } from '../people-flags.ts';
import { type Call, has, one } from '../subcommand.ts';
import { writeSteps } from '../write-file.ts';

/**
 * `ctr-run spec`: write config.json into the working directory or `--bundle DIR`, never over one that is there,
 * as runc-spec(8). With `-`, and where a person says by a flag or a command what is to be in it, print it instead.
 */
export function run(call: Call): Outcome {
  const { globals, host, parsed } = call;
  const [word, ...more] = parsed.command ?? [];
  const dash = word === '-';
  if (dash && more.length > 0)
    throw new UsageError(`"-" prints a spec and ends the line; "${more[0]}" after it has no place`);
  // A variable that names a bundle says where to write, not that something is to be written.
  const bundle = dash && one(call, 'bundle') === host.env.get('CTR_BUNDLE') ? undefined : one(call, 'bundle');
  if (dash && bundle !== undefined)
    throw new UsageError('"-" prints a spec and --bundle writes one into a bundle; give one of them');
  const peoples = isPeoples(parsed);
  const { spec, steps } = peoples ? namedSpec(withoutDash(call)) : { spec: bareSpec(call), steps: [] };
  if (dash || (peoples && bundle === undefined)) {
    if (steps.length > 0) return printed(steps, spec, mannerOf(globals, 125));
    out(serializeJson(spec, 2));
    return 0;
  }
  const directory = fromCaller(host, bundle ?? '.');
  const path = `${directory}/config.json`;
  const manner = mannerOf(globals, peoples ? 125 : 1);
  if (!has(call, 'image'))
    return compile([[...steps, ...writeSteps(path, serializeJson(spec, 2), 'new')]], manner);
  // Before layers are unpacked for nothing; writing refuses it too.
  if (exists(path)) throw new Failure(`${path} is there already, and is not overwritten; move it away`);
  const whole = unpacked(spec, call, `${directory}/rootfs`);
  const made = exists(directory) ? [] : [bundleStep(directory)];
  const written = writeSteps(path, serializeJson(whole.spec, 2), 'new', { phase: 'supervise' });
  return compile([[...steps, ...made, ...whole.steps, ...written]], manner);
}

const bundleStep = (path: string): AnyStep =>
  step('mounts', 'mkdir', { path, mode: 0o755 }, `make the bundle ${path}`, {
    side: 'host',
    undo: undo('failure', 'remove', { path, what: 'tree' }, 'remove the bundle'),
  });

/** Printed once what it names is there. */
const printed = (steps: readonly AnyStep[], spec: Spec, manner: Manner): Outcome =>
  compile(
    [
      [
        ...steps,
        step('supervise', 'print', { fd: 1, text: serializeJson(spec, 2).trimEnd() }, 'print the spec', {
          side: 'host',
        }),
        step('supervise', 'exit', { code: 0 }, 'end', { side: 'host' }),
      ],
    ],
    manner,
  );

/** A name that is given goes along, for the `run -` at the end of the pipe. */
function namedSpec(call: Call): Peoples {
  const id = one(call, 'id');
  const { spec, steps } = peoplesSpec(call, id ?? madeUpId());
  if (id === undefined) return { spec, steps };
  return { spec: { ...spec, annotations: { ...spec.annotations, [idAnnotation]: id } }, steps };
}

const withoutDash = (call: Call): Call =>
  call.parsed.command?.[0] === '-' ? { ...call, parsed: { ...call.parsed, command: undefined } } : call;

/** What runc writes; a cgroup namespace is among it where there is cgroup v2 alone (runc, spec.go). */
function bareSpec(call: Call): Spec {
  const { euid, egid } = call.host;
  const spec = has(call, 'rootless') ? rootlessSpec({ uid: euid, gid: egid }) : defaultSpec();
  if (exists('/sys/fs/cgroup/cgroup.controllers')) return spec;
  const namespaces = spec.linux!.namespaces!.filter(({ type }) => type !== 'cgroup');
  return { ...spec, linux: { ...spec.linux!, namespaces } };
}
