import { writeFileSync } from 'node:fs';
import { err, Failure, fromCaller, isFailure, out, printable, UsageError } from '@ctr-tools/cli';
import { readFile } from '@ctr-tools/host';
import { parseJson, type Spec, serializeJson, validateSpec } from '@ctr-tools/oci';
import { mergedSections } from '@ctr-tools/seccomp-load/learning';
import { rootAnnotation } from '@ctr-tools/ufs-mount/annotation';
import { sourceOf } from '../container/source.ts';
import { expectedOf, failureOf, type Hardened, type Left, mergedSpec, tightened } from '../harden/tighten.ts';
import { type Runtime, Trials } from '../harden/trial.ts';
import { type Call, has, many, one } from '../subcommand.ts';

/** How annotations begin that say why something is left open. */
const reason = 'org.ctr-tools.harden.';

/** `ctr-run harden [FLAGS] -- COMMAND`: the tightest config.json under which the command still works, proved by running it. */
export async function run(call: Call): Promise<number> {
  const { host, globals } = call;
  const source = await sourceOf(call);
  if (!source.forPeople || source.onStdin)
    throw new UsageError('give harden a root and a command: ctr-run harden --rootfs host -- COMMAND');
  if (source.steps?.length)
    throw new UsageError(
      'harden runs the command many times, and joins no network: leave --network out, or give a namespace that is there',
    );
  const runtime = runtimeOf(call, source.spec);
  const { terminal: _, ...process } = source.spec.process!;
  const spec: Spec = {
    ...source.spec,
    // crun 1.8 takes no newer one, and nothing here is newer.
    ...(runtime !== 'ctr-run' && { ociVersion: '1.0.2' }),
    process: { ...process, terminal: false },
  };
  const earlier = many(call, 'merge').map((word) => readEarlier(fromCaller(host, word)));
  const trials = new Trials(host, globals.root);
  try {
    const found = await hardened(trials, spec, runtime);
    const merged = earlier.reduce((whole, one) => joined(whole, one), found.spec);
    await prove(trials, merged, spec, runtime);
    tell(found, trials.count);
    write(call, withReasons(merged, found.left, earlier));
    return 0;
  } finally {
    trials.close();
  }
}

function runtimeOf(call: Call, spec: Spec): Runtime {
  const name = one(call, 'for') ?? 'ctr-run';
  if (!['ctr-run', 'runc', 'crun'].includes(name))
    throw new UsageError(`--for is "${name}"; it can be runc or crun`);
  if (name !== 'ctr-run' && spec.annotations?.[rootAnnotation] !== undefined)
    throw new UsageError(
      `--for ${name}: the root is made of layers, which only ctr-run does; give a directory (ufs-mount SOURCE --unpack DIR)`,
    );
  return name as Runtime;
}

function readEarlier(path: string): Spec {
  try {
    return validateSpec(parseJson(readFile(path), path), 'whole', path).value as Spec;
  } catch (error) {
    if (isFailure(error)) throw error;
    throw new Failure(`--merge ${path}: ${(error as Error).message}`);
  }
}

/** What the last trial found needed, and nothing else. */
async function hardened(trials: Trials, spec: Spec, runtime: Runtime): Promise<Hardened> {
  const note = (text: string): void => err(`ctr-run: harden: ${text}\n`);
  note('runs the command as it is, then with its system calls noted');
  const first = await trials.run(spec);
  const said = first.stderr.trim().split('\n').at(-1) ?? '';
  if (first.code === undefined)
    throw new Failure('harden: the command does not end by itself; give one that does, such as its tests');
  if ([125, 126, 127].includes(first.code))
    throw new Failure(`harden: the command does not begin (${first.code}): ${printable(said)}`, first.code);
  if (first.code !== 0) note(`it ends with ${first.code}, and so will it be held to: ${printable(said)}`);
  const { ended, seccomp } = await trials.learn(spec, runtime !== 'ctr-run');
  const expected = expectedOf(first, ended);
  const changed = failureOf(ended, { ...expected, steady: { stdout: false, stderr: false } });
  if (changed !== undefined) throw new Failure(`harden: two runs are not alike: ${printable(changed)}`);
  const learned = seccomp && { ...spec, linux: { ...spec.linux, seccomp } };
  const under = learned ? failureOf(await trials.run(learned), expected) : 'its calls could not be noted';
  const found = await tightened(under === undefined ? learned! : spec, expected, (other) =>
    trials.run(other),
  );
  const names = new Set(
    (seccomp?.syscalls ?? [])
      .filter(({ action }) => action === 'SCMP_ACT_ALLOW')
      .flatMap((rule) => rule.names),
  );
  found.left.unshift(
    under === undefined
      ? {
          what: 'system calls',
          because: `the ${names.size} that are allowed were seen, or the kernel makes them for it`,
        }
      : { what: "Docker's profile of system calls", because: `under the learned one ${under}` },
  );
  return found;
}

/** Earlier results keep what they needed. */
function joined(a: Spec, b: Spec): Spec {
  const [x, y] = [a.linux?.seccomp, b.linux?.seccomp];
  const seccomp = x && y ? { seccomp: mergedSections([x, y], ['this run', '--merge']) } : {};
  return mergedSpec(a, b, seccomp);
}

/** What is written is run once more as it is, by the runtime that it is for. */
async function prove(trials: Trials, merged: Spec, spec: Spec, runtime: Runtime): Promise<void> {
  const before = await trials.run(spec);
  const after = await trials.run(merged, runtime);
  const failure = failureOf(after, { ...before, steady: { stdout: false, stderr: false } });
  if (failure !== undefined)
    throw new Failure(
      `harden: under the result, by ${runtime}, the command does not work: ${printable(failure)}`,
    );
}

function withReasons(spec: Spec, left: readonly Left[], earlier: readonly Spec[]): Spec {
  const known = earlier.flatMap(({ annotations = {} }) =>
    Object.entries(annotations).filter(([name]) => name.startsWith(reason)),
  );
  const reasons = left.map(({ what, because }) => [
    `${reason}${what.replace(/[^\w/.-]+/g, '-')}`,
    printable(because),
  ]);
  return { ...spec, annotations: { ...spec.annotations, ...Object.fromEntries([...known, ...reasons]) } };
}

function tell({ taken, left }: Hardened, count: number): void {
  const lines = [
    `taken away: ${taken.length > 0 ? taken.join(', ') : 'nothing'}`,
    'left open, for without it',
    ...left.map(({ what, because }) => `  ${what}: ${because}`),
    `${count} runs; the last, under the result, ended as the first`,
  ];
  err(lines.map((line) => `ctr-run: ${printable(line)}\n`).join(''));
}

function write(call: Call, spec: Spec): void {
  const text = `${serializeJson(spec, 2)}\n`;
  const file = one(call, 'output');
  if (!has(call, 'output') || file === '-') out(text);
  else
    try {
      writeFileSync(fromCaller(call.host, file!), text);
    } catch (error) {
      throw new Failure(`write ${file}: ${(error as Error).message}`);
    }
}
