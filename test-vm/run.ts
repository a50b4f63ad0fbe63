/**
 * `pnpm test:vm [OPTION]... [-- argument for vitest...]`: the whole suite in machines of our
 * own, as root and as anybody. Exits 0 where every test passed, 1 where one failed or was
 * run neither here nor there, 125 where a machine could not be had.
 */
import { accessSync, constants, statSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { endAll, endOnSignals } from './src/child.ts';
import { EXIT_MACHINE, report, VmError } from './src/errors.ts';
import { hostRun } from './src/host.ts';
import { hostLacks, whyNotJudged } from './src/judge.ts';
import type { User } from './src/machine.ts';
import { type Boot, boots } from './src/qemu.ts';
import { renderReport } from './src/report.ts';
import { nowhere, sumUp } from './src/results.ts';
import { runSuite, type Via } from './src/suite.ts';
import { remember } from './src/times.ts';
import { vagrantLacks } from './src/vagrant.ts';

const help = `Usage: pnpm test:vm [OPTION]... [-- ARGUMENT FOR VITEST]...

  --via vagrant|qemu      how machines are run; Vagrant where it works if not given
  --boot unified|hybrid|selinux
                          only this boot: cgroup v2 alone, v1 beside it, or SELinux
  --user root|vagrant     only as this user
  --kernel-args WORDS     more words for the kernel of the machine
  --boot-limit SECONDS    until a machine must answer (900)
  --test-limit SECONDS    until one user's tests must have ended (1080)
  --limit SECONDS         until all must have ended
  --remember              after a whole run, keep the times by which the next is laid out
  --counts FILE           write passed, failed, skipped and reasons there, as JSON
  --help
`;

/** The most seconds that a limit may have. */
const LONGEST = 2_147_483;
const users: readonly User[] = ['root', 'vagrant'];
const say = (text: string): void => void process.stderr.write(`test:vm: ${text}\n`);

endOnSignals();
try {
  const { values, positionals } = parse();
  if (values.help) {
    process.stdout.write(help);
    process.exit(0);
  }
  const boot = oneOf('--boot', boots, values.boot);
  const user = oneOf('--user', users, values.user);
  if (values.counts !== undefined) mustBeWritable('--counts', values.counts);
  const limits = {
    bootLimit: seconds('--boot-limit', values['boot-limit'], 900),
    testLimit: seconds('--test-limit', values['test-limit'], 1080),
    end: Date.now() + seconds('--limit', values.limit, Number.MAX_SAFE_INTEGER / 1e6),
  };
  const via = chooseVia(
    oneOf('--via', ['vagrant', 'qemu'] as const, values.via),
    boot,
    values['kernel-args'],
  );
  const { results, runs, errors } = await runSuite({
    via,
    boots: boot ? [boot] : via === 'vagrant' ? ['unified'] : boots,
    users: user ? [user] : users,
    vitest: positionals,
    kernelArgs: values['kernel-args'],
    ...limits,
    say,
  });
  const stale = hostLacks();
  const host = stale === undefined ? hostRun() : undefined;
  const all = host ? [host, ...runs] : runs;
  const chosen = [
    ...(boot ? [`--boot ${boot}`] : []),
    ...(user ? [`--user ${user}`] : []),
    ...(values['kernel-args'] === undefined ? [] : ['--kernel-args']),
    ...positionals,
  ];
  const judging = { via, chosen, runs, errors };
  const notWhole = whyNotJudged({ ...judging, hostLacks: undefined });
  if (values.remember) {
    if (notWhole !== undefined) say(`--remember: no times are kept: ${notWhole}`);
    else remember(runs);
  }
  const notJudged = whyNotJudged({ ...judging, hostLacks: stale });
  const missing = notJudged === undefined ? nowhere(all) : [];
  process.stdout.write(
    renderReport(runs.length > 0 ? all : [], missing)
      .map((line) => `${line}\n`)
      .join(''),
  );
  if (notJudged !== undefined) say(`whether a test is run nowhere was not judged: ${notJudged}`);
  const counts = sumUp(runs, missing);
  for (const error of errors) say(error.message);
  say(`logs and reports: ${results}`);
  counts.failed += errors.length;
  counts.failures.push(...errors.map(({ message }) => message));
  if (values.counts) writeFileSync(values.counts, JSON.stringify(counts));
  process.exitCode = errors.length > 0 ? EXIT_MACHINE : counts.failed > 0 ? 1 : 0;
} catch (error) {
  await endAll();
  report('test:vm', error);
}

function chooseVia(asked: Via | undefined, boot: Boot | undefined, kernelArgs: string | undefined): Via {
  if (asked === 'qemu') return 'qemu';
  const lacks = vagrantLacks();
  if (asked === 'vagrant') {
    if (lacks) throw new VmError(`--via vagrant: ${lacks}`);
    if (kernelArgs !== undefined)
      throw new VmError('--kernel-args: the Vagrantfile has its own; use --via qemu');
    if (boot !== undefined && boot !== 'unified')
      throw new VmError(`--boot ${boot} is another one than the Vagrantfile's; use --via qemu`);
    return 'vagrant';
  }
  const other = boot !== undefined && boot !== 'unified';
  if (lacks || other || kernelArgs !== undefined) {
    say(`by QEMU: ${lacks ?? (other ? `the boot ${boot}` : 'words for its kernel')}`);
    return 'qemu';
  }
  say("by Vagrant: only the boot unified, which is the Vagrantfile's");
  if (boot === undefined)
    say(
      `not run: ${boots.filter((name) => name !== 'unified').join(', ')}, and whether a test is run nowhere is not judged; for these: --via qemu`,
    );
  return 'vagrant';
}

function oneOf<T extends string>(
  flag: string,
  allowed: readonly T[],
  given: string | undefined,
): T | undefined {
  if (given === undefined) return undefined;
  const found = allowed.find((word) => word === given);
  if (!found) throw new VmError(`${flag} ${given}: it must be one of ${allowed.join(', ')}`);
  return found;
}

function mustBeWritable(flag: string, path: string): void {
  try {
    accessSync(dirname(resolve(path)), constants.W_OK);
  } catch (error) {
    throw new VmError(`${flag} ${path}: ${(error as Error).message}`);
  }
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory())
    throw new VmError(`${flag} ${path}: it is a directory`);
}

function seconds(flag: string, given: string | undefined, otherwise: number): number {
  const number = given === undefined ? otherwise : Number(given);
  if (!(number > 0)) throw new VmError(`${flag} ${given}: it must be a number of seconds`);
  // A timer of Node's with more milliseconds than 31 bits hold is over at once.
  if (given !== undefined && number > LONGEST)
    throw new VmError(`${flag} ${given}: it must be at most ${LONGEST} seconds`);
  return number * 1000;
}

function parse() {
  // pnpm hands over its own "--" as well.
  const args = process.argv.slice(2);
  const at = args.indexOf('--');
  try {
    const { values } = parseArgs({
      args: at < 0 ? args : args.slice(0, at),
      options: {
        via: { type: 'string' },
        boot: { type: 'string' },
        user: { type: 'string' },
        'kernel-args': { type: 'string' },
        'boot-limit': { type: 'string' },
        'test-limit': { type: 'string' },
        limit: { type: 'string' },
        remember: { type: 'boolean' },
        counts: { type: 'string' },
        help: { type: 'boolean' },
      },
    });
    return { values, positionals: at < 0 ? [] : args.slice(at + 1) };
  } catch (error) {
    throw new VmError(`${(error as Error).message}; see --help`);
  }
}
