/** A run of the whole suite: machines booted, tests run in them as root and as anybody, results brought out. */
import { createWriteStream, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SLOWER } from '../../test/support.ts';
import { makeBox } from './box.ts';
import { cacheDir, makeDir } from './cache.ts';
import { atEnd, need } from './child.ts';
import { definition } from './definition.ts';
import { LateError, VmError } from './errors.ts';
import { testFiles } from './files.ts';
import { type Job, planLanes, type Stay } from './lanes.ts';
import { bootMachine, type Machine, type User } from './machine.ts';
import { makeResults } from './place.ts';
import { type Accel, type Boot, chooseAccel, emulator, forcedAccel } from './qemu.ts';
import { mergeParts, parseRun, type Run } from './results.ts';
import { readTimes } from './times.ts';
import { bringIn, quote, TREE } from './tree.ts';
import { upByVagrant } from './vagrant.ts';

export type Via = 'qemu' | 'vagrant';

export interface SuiteOptions {
  via: Via;
  boots: readonly Boot[];
  users: readonly User[];
  /** Arguments for vitest: files, `-t` … */
  vitest: readonly string[];
  /** More words for the machine's kernel. */
  kernelArgs?: string | undefined;
  /** ms that a machine gets to answer, and that the tests of one job get. */
  bootLimit: number;
  testLimit: number;
  /** When all must have ended, as `Date.now()` says it. */
  end: number;
  say: (text: string) => void;
}

/**
 * By how much tests' time limits grow: no test is to fail because the machine is emulated, on
 * a host that does something else beside.
 */
const PATIENCE: Record<Accel, number> = { kvm: 1, tcg: 10 };

/** ms of each test's own time limit, where nothing slows it down. */
const TEST_TIMEOUT = 60_000;

/** What was run, and what kept the rest from being run. */
export interface Outcome {
  /** The directory that logs and reports were brought out to. */
  results: string;
  runs: Run[];
  errors: VmError[];
}

/** Run everything: lanes beside each other, in each its machines one after the other. */
export async function runSuite(options: SuiteOptions): Promise<Outcome> {
  const { via, boots, users, kernelArgs, say } = options;
  forcedAccel();
  if (via === 'qemu') need(emulator, 'qemu-img', 'ssh', 'ssh-keygen', 'tar');
  const results = makeResults();
  const cache = makeDir(cacheDir());
  const box = await makeBox(definition(), { cache, say });
  const accel = await chooseAccel(box, cache, say);
  const boot = async (boot: Boot): Promise<Machine> => {
    const limit = within(options, options.bootLimit);
    if (limit <= 0) throw new VmError(`${boot}: not begun, for the time that was given is over`);
    return via === 'vagrant'
      ? await upByVagrant({ accel, limit, say })
      : await bootMachine({ box, boot, accel, cache, limit, withTree: true, kernelArgs, say });
  };
  const chosen = options.vitest.length > 0;
  const lanes = planLanes({
    boots,
    users,
    chosen,
    one: via === 'vagrant',
    files: testFiles(),
    times: readTimes().jobs,
  });
  const outcome: Outcome = { results, runs: [], errors: [] };
  await Promise.all(
    lanes.map(async (lane) => {
      for (const stay of lane) {
        try {
          await runIn(await boot(stay.boot), stay, accel, options, outcome);
        } catch (error) {
          if (!(error instanceof VmError)) throw error;
          outcome.errors.push(error);
        }
      }
    }),
  );
  return { ...outcome, runs: mergeParts(outcome.runs) };
}

/** As many ms as this may take, when all must have ended at some time. */
const within = ({ end }: SuiteOptions, limit: number): number => Math.min(limit, end - Date.now());

async function runIn(
  machine: Machine,
  stay: Stay,
  accel: Accel,
  options: SuiteOptions,
  { results, runs, errors }: Outcome,
): Promise<void> {
  const stop = atEnd(() => machine.stop());
  try {
    await bringIn(machine);
    options.say(`${stay.boot}: the tree is in`);
    const done = await inTurn(stay, (job) => runJob(machine, stay.boot, job, accel, options, results));
    runs.push(...done.runs);
    errors.push(...done.errors);
  } finally {
    await stop();
  }
}

/** The jobs of a machine one after the other, but none beside one that went on over its time. */
export async function inTurn(
  { boot, jobs }: Stay,
  run: (job: Job) => Promise<Run>,
): Promise<Pick<Outcome, 'runs' | 'errors'>> {
  const runs: Run[] = [];
  const errors: VmError[] = [];
  for (const [n, job] of jobs.entries()) {
    try {
      runs.push(await run(job));
    } catch (error) {
      if (!(error instanceof VmError)) throw error;
      errors.push(error);
      if (!(error instanceof LateError)) continue;
      const rest = jobs.slice(n + 1).map(({ user }) => `${boot} ${user}`);
      if (rest.length > 0) errors.push(new VmError(`${rest.join(', ')}: not begun, for its machine hangs`));
      break;
    }
  }
  return { runs, errors };
}

/** Run the tests of one job and bring out what they reported. */
async function runJob(
  machine: Machine,
  boot: Boot,
  { user, part, files }: Job,
  accel: Accel,
  options: SuiteOptions,
  results: string,
): Promise<Run> {
  const name = `${boot} ${user}`;
  const label = `${boot}-${user}${part ? `-${part}` : ''}`;
  const at = `/var/tmp/results-${user}`;
  const limit = TEST_TIMEOUT * PATIENCE[accel];
  const words = ['env', `${SLOWER}=${PATIENCE[accel]}`, 'sh', `${TREE}/test-vm/guest/tests.sh`, TREE, at];
  words.push(`--testTimeout=${limit}`, `--hookTimeout=${limit}`);
  words.push(...(options.vitest.length > 0 ? options.vitest : files));
  const began = Date.now();
  const time = within(options, options.testLimit);
  if (time <= 0) throw new VmError(`${label}: not begun, for the time that was given is over`);
  options.say(`${label}: running the tests`);
  const log = createWriteStream(join(results, `${label}.log`));
  const { status } = await machine.shell(user, words.map(quote).join(' '), {
    timeout: time,
    each: (line) => {
      log.write(`${line}\n`);
      process.stdout.write(`${label}: ${line}\n`);
    },
  });
  log.end();
  const seconds = (Date.now() - began) / 1000;
  options.say(`${label}: ended after ${seconds.toFixed(0)} s`);
  const brought = new Map<string, string>();
  for (const file of ['vitest.json', 'skips.jsonl', 'facts']) {
    const { stdout } = await machine.shell(user, `cat ${at}/${file} 2>/dev/null`, { timeout: 120_000 });
    brought.set(file, stdout);
    writeFileSync(join(results, `${label}-${file}`), stdout);
  }
  const report = brought.get('vitest.json')!;
  if (report === '') {
    const late = seconds * 1000 >= time;
    const why = late
      ? `did not end within ${(time / 1000).toFixed(0)} s`
      : `ended with ${status} and left no report`;
    throw new (late ? LateError : VmError)(
      `the tests of ${label} ${why}; the end of the machine's console:\n${machine.tail()}`,
    );
  }
  return { ...parseRun(name, report, brought.get('skips.jsonl')!, TREE, status ?? 1), seconds };
}
