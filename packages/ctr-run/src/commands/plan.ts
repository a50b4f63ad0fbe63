import { Failure, fromCaller, type Outcome, out, UsageError, wantsColor } from '@ctr-tools/cli';
import { decodeBytes, dirname, join, readFile, type SystemError, statIfAny } from '@ctr-tools/host';
import { parseJson } from '@ctr-tools/oci';
import { compile, encode, explain } from '@ctr-tools/plan';
import { checkSpec, readBundle } from '../container/bundle.ts';
import { containerPlan, madeUpId, making, withBefore } from '../container/make.ts';
import { type Source, sourceOf } from '../container/source.ts';
import { mannerOf } from '../globals.ts';
import { differing, type Shown } from '../plan/diff.ts';
import { quietPlan, stepsOf } from '../plan/quiet.ts';
import { asWaterfall, timingsOf } from '../plan/timings.ts';
import { waterfallSvg } from '../plan/timings-svg.ts';
import { tellWhy } from '../plan/why.ts';
import { type Call, has, one } from '../subcommand.ts';
import { writeSteps } from '../write-file.ts';

/**
 * `ctr-run plan`: what `run` would do, one kernel operation a line, in order; or, with
 * `--output FILE`, as the launcher takes it (`ctr-launcher --plan FILE`). Nothing is done.
 */
export async function run(call: Call): Promise<Outcome> {
  const asked = ['why', 'diff', 'timings', 'output'].filter((flag) => has(call, flag));
  if (asked.length > 1)
    throw new UsageError(`--${asked[0]} and --${asked[1]} are two questions; ask one at a time`);
  if (has(call, 'svg') && !has(call, 'timings'))
    throw new UsageError('--svg draws what --timings tells: ctr-run plan --timings LOG --svg FILE');
  if (has(call, 'timings')) return timings(call);
  if (has(call, 'diff')) return diff(call);
  const source = await sourceOf(call);
  const why = one(call, 'why');
  if (why !== undefined) {
    out(await tellWhy(call, source.spec, source, why, fileOf(source)));
    return 0;
  }
  const course = has(call, 'detach') ? 'detach' : 'foreground';
  const made = making(call, source.spec, source.bundle, source.id, course);
  const plan = await containerPlan(
    withBefore({ ...made, specOnStdin: source.onStdin }, source.steps),
    call.host,
    call.globals,
    source.forPeople ? 125 : 1,
  );
  const file = one(call, 'output');
  if (file !== undefined)
    return compile(
      [writeSteps(fromCaller(call.host, file), encode(plan), 'replaced')],
      mannerOf(call.globals, 125),
    );
  out(explain(plan));
  return 0;
}

/** A bundle's config.json and its text; a spec of flags or from a pipe has no lines to name. */
function fileOf({ bundle, forPeople }: Source): { path: string; text: string } | undefined {
  if (forPeople) return undefined;
  return { path: 'config.json', text: decodeBytes(readFile(join(bundle, 'config.json'))) };
}

/** `--diff A B`: exits 1 where the plans differ, as diff(1) does. */
async function diff(call: Call): Promise<number> {
  const [b, ...more] = call.parsed.command ?? call.parsed.operands;
  if (b === undefined || more.length > 0)
    throw new UsageError(
      '--diff compares two specs: ctr-run plan --diff A B, each a config.json or a bundle',
    );
  // One ID for both: what is called after it is no difference.
  const id = one(call, 'id') ?? madeUpId();
  const text = differing(await seenSteps(call, one(call, 'diff')!, id), await seenSteps(call, b, id));
  out(text || 'no difference in what the kernel would be asked to do\n');
  return text === '' ? 0 : 1;
}

/** The steps of a bundle, or of a config.json beside which its root is. */
async function seenSteps(call: Call, word: string, id: string): Promise<Shown[]> {
  const path = fromCaller(call.host, word);
  const isBundle = statIfAny(path)?.isDirectory() ?? false;
  const bundle = isBundle ? path : dirname(path);
  const seen = { bundle, id, onStdin: false };
  const spec = isBundle
    ? readBundle(bundle, call.globals).spec
    : checkSpec(parseJson(readOr(path, 'read'), path), path, bundle, call.globals);
  return stepsOf(await quietPlan(call, spec, seen), seen, call.globals.root);
}

function readOr(path: string, doing: string): Uint8Array {
  try {
    return readFile(path);
  } catch (error) {
    throw new Failure(`${doing} ${path}: ${(error as SystemError).message}`);
  }
}

/** `--timings LOG`, with `--svg FILE` as a picture. */
function timings(call: Call): Outcome {
  const { host } = call;
  if ((call.parsed.command ?? call.parsed.operands).length > 0)
    throw new UsageError('--timings reads the log of a run, and takes no container');
  const path = fromCaller(host, one(call, 'timings')!);
  const found = timingsOf(decodeBytes(readOr(path, 'read the log')));
  if (!found)
    throw new Failure(
      `${path} has no times of steps; a run writes them so: ctr-run --debug --log ${path} run …`,
    );
  const svg = one(call, 'svg');
  if (svg !== undefined && svg !== '-')
    return compile(
      [writeSteps(fromCaller(host, svg), waterfallSvg(found), 'replaced')],
      mannerOf(call.globals, 125),
    );
  if (svg === '-') out(waterfallSvg(found));
  else
    out(
      asWaterfall(found, {
        width: host.tty[1] ? host.columns : 80,
        cut: host.tty[1],
        color: wantsColor(host, 1),
      }),
    );
  return 0;
}
