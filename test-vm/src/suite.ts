/** A run of the whole suite: machines booted, tests run in them as root and as anybody, results brought out. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeBox } from './box.ts';
import { cacheDir, makeDir } from './cache.ts';
import { atEnd } from './child.ts';
import { definition } from './definition.ts';
import { VmError } from './errors.ts';
import { bootMachine, type Machine, type User } from './machine.ts';
import { type Accel, type Boot, chooseAccel } from './qemu.ts';
import { parseRun, type Run } from './results.ts';
import { bringIn, quote, TREE, top } from './tree.ts';
import { upByVagrant } from './vagrant.ts';

export type Via = 'qemu' | 'vagrant';

export interface SuiteOptions {
  via: Via;
  boots: readonly Boot[];
  users: readonly User[];
  /** Arguments for vitest: files, `-t` … */
  vitest: readonly string[];
  /** ms that a machine gets to answer, and that the tests of one user get. */
  bootLimit: number;
  testLimit: number;
  say: (text: string) => void;
}

/** Where results are brought out to. */
export const results = join(top, '.cache/vm');

/** How much longer everything takes without KVM, roughly; tests' time limits grow by it. */
const SLOWER: Record<Accel, number> = { kvm: 1, tcg: 5 };

/** ms of each test's own time limit, where nothing slows it down. */
const TEST_TIMEOUT = 60_000;

/** Run everything. Machines run at the same time; in each, root's tests come first. */
export async function runSuite(options: SuiteOptions): Promise<Run[]> {
  const { via, boots, say } = options;
  rmSync(results, { recursive: true, force: true });
  mkdirSync(results, { recursive: true });
  const cache = makeDir(cacheDir());
  const box = await makeBox(definition(), { cache, say });
  const accel = await chooseAccel(box, cache, say);
  const limit = options.bootLimit;
  const boot = async (boot: Boot): Promise<Machine> =>
    via === 'vagrant'
      ? await upByVagrant({ accel, limit, say })
      : await bootMachine({ box, boot, accel, cache, limit, withTree: true, say });
  const parts = await Promise.allSettled(
    boots.map(async (which) => await runIn(await boot(which), which, accel, options)),
  );
  const failed = parts.find((part) => part.status === 'rejected');
  if (failed) throw failed.reason;
  return parts.flatMap((part) => (part.status === 'fulfilled' ? part.value : []));
}

async function runIn(machine: Machine, boot: Boot, accel: Accel, options: SuiteOptions): Promise<Run[]> {
  const { users, say } = options;
  const stop = atEnd(() => machine.stop());
  try {
    await bringIn(machine);
    say(`${boot}: the tree is in`);
    const runs: Run[] = [];
    for (const user of users) runs.push(await runAs(machine, boot, user, accel, options));
    return runs;
  } finally {
    await stop();
  }
}

/** Run the tests as one user and bring out what they reported. */
async function runAs(
  machine: Machine,
  boot: Boot,
  user: User,
  accel: Accel,
  options: SuiteOptions,
): Promise<Run> {
  const name = `${boot} ${user}`;
  const at = `/var/tmp/results-${user}`;
  const timeout = TEST_TIMEOUT * SLOWER[accel];
  const words = [
    'sh',
    `${TREE}/test-vm/guest/tests.sh`,
    TREE,
    at,
    `--testTimeout=${timeout}`,
    ...options.vitest,
  ];
  const began = Date.now();
  options.say(`${name}: running the tests`);
  const { status } = await machine.shell(user, words.map(quote).join(' '), {
    inherit: true,
    timeout: options.testLimit,
  });
  const seconds = (Date.now() - began) / 1000;
  const files = new Map<string, string>();
  for (const file of ['vitest.json', 'skips.jsonl', 'facts']) {
    const { stdout } = await machine.shell(user, `cat ${at}/${file} 2>/dev/null`, { timeout: 120_000 });
    files.set(file, stdout);
    writeFileSync(join(results, `${boot}-${user}-${file}`), stdout);
  }
  const report = files.get('vitest.json')!;
  if (report === '') {
    const why =
      seconds * 1000 >= options.testLimit
        ? `did not end within ${options.testLimit / 1000} s`
        : `ended with ${status} and left no report`;
    throw new VmError(
      `the tests as ${user} (${boot}) ${why}; the end of the machine's console:\n${machine.tail()}`,
    );
  }
  return { ...parseRun(name, report, files.get('skips.jsonl')!, TREE, status ?? 1), seconds };
}
