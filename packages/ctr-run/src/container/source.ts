import { Failure, fromCaller, readStdin, UsageError } from '@ctr-tools/cli';
import { parseJson, type Spec } from '@ctr-tools/oci';
import { type Call, has, one } from '../subcommand.ts';
import { checkSpec, readBundle } from './bundle.ts';
import { madeUpId } from './make.ts';

/** Where a container's spec came from, and what that says of the rest. */
export interface Source {
  spec: Spec;
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
  if (rooted.length === 1) {
    const id = one(call, 'id') ?? madeUpId();
    const bundle = call.host.cwd;
    return {
      spec: checkSpec(
        (await import('./people.ts')).peoplesSpec(call, id),
        'the command line',
        bundle,
        call.globals,
      ),
      bundle,
      id,
      onStdin: false,
      forPeople: true,
    };
  }
  if (onStdin) return fromStdin(call, words);
  return fromBundle(call, words);
}

function fromStdin(call: Call, words: readonly string[]): Source {
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
  return { spec, bundle, id: one(call, 'id') ?? madeUpId(), onStdin: true, forPeople: true };
}

function fromBundle(call: Call, words: readonly string[]): Source {
  const id = words[0];
  if (id === undefined) {
    throw new UsageError(
      'which container? ctr-run run --bundle DIR ID, or ctr-run run --rootfs host -- COMMAND',
    );
  }
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
