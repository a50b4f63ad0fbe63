import { Failure, fromCaller, readStdin, UsageError } from '@ctr-tools/cli';
import { parseJson, type Spec } from '@ctr-tools/oci';
import type { AnyStep } from '@ctr-tools/plan';
import { publishes } from '../docker/network.ts';
import { refuseDockers } from '../docker/refused.ts';
import { peopleFlags } from '../people-flags.ts';
import { type Call, has, one } from '../subcommand.ts';
import { tell } from '../warnings.ts';
import { checkSpec, readBundle } from './bundle.ts';
import { madeUpId } from './make.ts';

/** How a spec in a pipe says what the container is to be called. */
export const idAnnotation = 'org.ctr-tools.id';

/** Where a container's spec came from, and what that says of the rest. */
export interface Source {
  spec: Spec;
  /** What has to be there before it is run. */
  steps?: readonly AnyStep[];
  bundle: string;
  id: string;
  /** The spec was read from stdin. */
  onStdin: boolean;
  /** Not OCI's form: failures exit 125 to 127, and the ID may be made up. */
  forPeople: boolean;
}

/**
 * Exactly one source: `--bundle DIR` with an ID operand as runc has it; or `--rootfs`,
 * `--image`, or `-` for a spec on stdin, whose first operand begins the command.
 */
export async function sourceOf(call: Call): Promise<Source> {
  const words = call.parsed.command ?? call.parsed.operands;
  const rooted = ['rootfs', 'image'].filter((flag) => has(call, flag));
  const onStdin = rooted.length === 0 && words[0] === '-';
  if (rooted.length === 2) throw new UsageError('--rootfs and --image are two sources; give one');
  if (rooted.length === 1 && has(call, 'bundle'))
    throw new UsageError(`--${rooted[0]} and --bundle are two sources; give one`);
  if (rooted.length === 1) return fromPerson(call);
  if (onStdin) return fromStdin(call, words);
  return fromBundle(call, words);
}

async function fromPerson(call: Call): Promise<Source> {
  const id = one(call, 'id') ?? madeUpId();
  const bundle = call.host.cwd;
  const { peoplesSpec } = await import('./people.ts');
  const made = peoplesSpec(call, id);
  const spec = checkSpec(made.spec, 'the command line', bundle, call.globals);
  tellPorts(spec, call);
  return { spec, steps: made.steps, bundle, id, onStdin: false, forPeople: true };
}

/** A service that nothing reaches looks like one that does not work. */
function tellPorts(spec: Spec, { globals }: Call): void {
  const { annotations, linux } = spec;
  const ports = annotations?.['org.opencontainers.image.exposedPorts'];
  const network = linux?.namespaces?.find(({ type }) => type === 'network');
  if (ports && network && network.path === undefined && !publishes(spec))
    tell(
      `the image exposes ${ports}, which nothing outside reaches; -p HOST:PORT publishes one, --network host shares this machine's network`,
      globals,
    );
}

/** Of what a person says by flags nothing may be lost: a spec that is there says it itself. */
function refusePeoples(call: Call, where: string, instead: string): void {
  refuseDockers(call.parsed);
  const given = peopleFlags.find(
    ({ name, env }) =>
      name !== 'id' && has(call, name) && !(env !== undefined && one(call, name) === call.host.env.get(env)),
  );
  if (given)
    throw new UsageError(`--${given.name} has no place beside ${where}, which says it itself; ${instead}`);
}

function fromStdin(call: Call, words: readonly string[]): Source {
  refusePeoples(call, 'a spec on stdin', 'give it to ctr-run spec, or amend the spec in the pipe');
  if (words.length > 1) {
    throw new UsageError(
      `the spec on stdin has the command; "${words[1]}" after "-" would be lost. Give it to ctr-run spec`,
    );
  }
  if (call.host.tty[0]) {
    throw new UsageError(
      'the spec is to come from stdin, which is a terminal: ctr-run spec --rootfs host -- COMMAND | ctr-run run -',
    );
  }
  const bundle = fromCaller(call.host, one(call, 'bundle') ?? '.');
  const spec = checkSpec(
    parseJson(readStdin() ?? '', 'the spec on stdin'),
    'the spec on stdin',
    bundle,
    call.globals,
  );
  const id = one(call, 'id') ?? spec.annotations?.[idAnnotation] ?? madeUpId();
  return { spec, bundle, id, onStdin: true, forPeople: true };
}

function fromBundle(call: Call, words: readonly string[]): Source {
  const id = words[0];
  if (id === undefined) {
    throw new UsageError(
      'which container? ctr-run run --bundle DIR ID, or ctr-run run --rootfs host -- COMMAND',
    );
  }
  refusePeoples(
    call,
    'a bundle',
    'amend its config.json, or run a root: ctr-run run --rootfs DIR -- COMMAND',
  );
  if (has(call, 'id'))
    throw new UsageError(
      `--id names a container from --rootfs, --image or "-"; here the ID is the operand ${id}`,
    );
  if (words.length > 1) {
    throw new UsageError(
      `a bundle's command stands in its config.json; "${words[1]}" has no place. To run a command in a root: ctr-run run --rootfs DIR -- COMMAND`,
    );
  }
  const { spec, bundle } = readBundle(fromCaller(call.host, one(call, 'bundle') ?? '.'), call.globals);
  if (!spec.process) throw new Failure(`${bundle}/config.json: process: missing; there is nothing to run`);
  return { spec, bundle, id, onStdin: false, forPeople: false };
}
