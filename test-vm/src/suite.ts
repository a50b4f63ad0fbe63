/** A run of the whole suite: machines booted, tests run in them as root and as anybody, results brought out. */
import { createWriteStream, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeBox } from './box.ts';
import { cacheDir, makeDir } from './cache.ts';
import { atEnd, need } from './child.ts';
import { definition } from './definition.ts';
import { VmError } from './errors.ts';
import { type Job, planLanes, type Stay } from './lanes.ts';
import { bootMachine, type Machine, type User } from './machine.ts';
import { type Accel, type Boot, chooseAccel, emulator } from './qemu.ts';
import { mergeShards, parseRun, type Run } from './results.ts';
import { bringIn, quote, TREE, top } from './tree.ts';
import { upByVagrant } from './vagrant.ts';

export type Via = 'qemu' | 'vagrant';

export interface SuiteOptions {
  via: Via;
  boots: readonly Boot[];
  users: readonly User[];
  /** Arguments for vitest: files, `-t` … */
  vitest: readonly string[];
  /** ms that a machine gets to answer, and that the tests of one job get. */
  bootLimit: number;
  testLimit: number;
  say: (text: string) => void;
}

/** Where results are brought out to. */
export const results = join(top, '.cache/vm');

/** How much longer everything takes without KVM; tests' time limits grow by it. */
const SLOWER: Record<Accel, number> = { kvm: 1, tcg: 5 };

/** ms of each test's own time limit, where nothing slows it down. */
const TEST_TIMEOUT = 60_000;

/** Run everything: lanes beside each other, in each its machines one after the other. */
export async function runSuite(options: SuiteOptions): Promise<Run[]> {
  const { via, boots, users, say, bootLimit: limit } = options;
  if (via === 'qemu') need(emulator, 'qemu-img', 'ssh', 'ssh-keygen', 'tar');
  rmSync(results, { recursive: true, force: true });
  mkdirSync(results, { recursive: true });
  const cache = makeDir(cacheDir());
  const box = await makeBox(definition(), { cache, say });
  const accel = await chooseAccel(box, cache, say);
  const boot = async (boot: Boot): Promise<Machine> =>
    via === 'vagrant'
      ? await upByVagrant({ accel, limit, say })
      : await bootMachine({ box, boot, accel, cache, limit, withTree: true, say });
  const lanes = planLanes({ boots, users, chosen: options.vitest.length > 0, one: via === 'vagrant' });
  const parts = await Promise.allSettled(
    lanes.map(async (lane) => {
      const runs: Run[] = [];
      for (const stay of lane) runs.push(...(await runIn(await boot(stay.boot), stay, accel, options)));
      return runs;
    }),
  );
  const failed = parts.find((part) => part.status === 'rejected');
  if (failed) throw failed.reason;
  return mergeShards(parts.flatMap((part) => (part.status === 'fulfilled' ? part.value : [])));
}

async function runIn(machine: Machine, stay: Stay, accel: Accel, options: SuiteOptions): Promise<Run[]> {
  const stop = atEnd(() => machine.stop());
  try {
    await bringIn(machine);
    options.say(`${stay.boot}: the tree is in`);
    const runs: Run[] = [];
    for (const job of stay.jobs) runs.push(await runJob(machine, stay.boot, job, accel, options));
    return runs;
  } finally {
    await stop();
  }
}

/** Run the tests of one job and bring out what they reported. */
async function runJob(
  machine: Machine,
  boot: Boot,
  { user, shard, files }: Job,
  accel: Accel,
  options: SuiteOptions,
): Promise<Run> {
  const name = `${boot} ${user}`;
  const label = `${boot}-${user}${shard ? `-${shard.replace('/', 'of')}` : ''}`;
  const at = `/var/tmp/results-${user}`;
  const words = ['sh', `${TREE}/test-vm/guest/tests.sh`, TREE, at];
  words.push(
    `--testTimeout=${TEST_TIMEOUT * SLOWER[accel]}`,
    `--hookTimeout=${TEST_TIMEOUT * SLOWER[accel]}`,
  );
  if (shard) words.push(`--shard=${shard}`);
  words.push(...(options.vitest.length > 0 ? options.vitest : files));
  const began = Date.now();
  options.say(`${label}: running the tests`);
  const log = createWriteStream(join(results, `${label}.log`));
  const { status } = await machine.shell(user, words.map(quote).join(' '), {
    timeout: options.testLimit,
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
    const late = seconds * 1000 >= options.testLimit;
    const why = late
      ? `did not end within ${options.testLimit / 1000} s`
      : `ended with ${status} and left no report`;
    throw new VmError(`the tests of ${label} ${why}; the end of the machine's console:\n${machine.tail()}`);
  }
  return { ...parseRun(name, report, brought.get('skips.jsonl')!, TREE, status ?? 1), seconds };
}
