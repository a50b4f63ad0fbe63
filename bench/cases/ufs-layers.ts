/**
 * Mounting a root of many layers that are in the store: the launcher alone, from a stored plan, and
 * the whole command with its planner. `nothing` is what starting a process takes here.
 *
 *     node bench/cases/ufs-layers.ts [LAYERS] [ROUNDS]
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Host } from '../../packages/cli/src/host.ts';
import { compile } from '../../packages/plan/src/compile.ts';
import { encode } from '../../packages/plan/src/encode.ts';
import { step } from '../../packages/plan/src/step.ts';
import { mountFacts, mountSteps } from '../../packages/ufs-mount/src/alone.ts';

const bin = join(import.meta.dirname, '../../dist/bin');

/** Archives of one file each in a directory that all have. */
function archives(at: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => {
    const tree = `${at}/tree-${i}/usr/share`;
    mkdirSync(tree, { recursive: true });
    writeFileSync(`${tree}/file-${i}`, String(i));
    execFileSync('tar', ['-C', `${at}/tree-${i}`, '-cf', `${at}/layer-${i}.tar`, '.']);
    return `${at}/layer-${i}.tar`;
  });
}

/** The plan of the command, as the launcher gets it. */
function storedPlan(sources: readonly string[], store: string, file: string): void {
  const host: Host = {
    tool: 'ufs-mount',
    argv: [],
    env: new Map([['CTR_STORE', store]]),
    pid: process.pid,
    ppid: process.ppid,
    uid: 0,
    euid: 0,
    gid: 0,
    egid: 0,
    umask: 0o022,
    fds: [0, 1, 2],
    tty: [false, false, false],
    columns: 80,
    rows: 24,
    launcher: `${bin}/ufs-mount`,
    cwd: process.cwd(),
  };
  const options = { sources, temp: true, readOnly: false, driver: 'overlay', json: false, command: false };
  const end = step('supervise', 'exit', { code: 0 }, 'end', { side: 'host' });
  const steps = [...mountSteps(mountFacts(options, host), options, host), end];
  writeFileSync(file, encode(compile([steps], { tool: 'ufs-mount', exit: 125 })));
}

/** One run in milliseconds; what was mounted is unmounted outside of the time. */
function timed(file: string, argv: readonly string[], env: NodeJS.ProcessEnv): number {
  const begun = process.hrtime.bigint();
  const printed = execFileSync(file, argv, { env, encoding: 'utf8' }).trimEnd();
  const taken = Number(process.hrtime.bigint() - begun) / 1e6;
  execFileSync('umount', [printed]);
  return taken;
}

const median = (values: number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!;

if (import.meta.main) {
  const [layers = '100', rounds = '25'] = process.argv.slice(2);
  const at = mkdtempSync(join(process.env.CTR_STORE ?? tmpdir(), 'bench-'));
  const env = { ...process.env, CTR_STORE: `${at}/store` };
  try {
    const sources = archives(at, Number(layers));
    const whole = [...sources, '--temp', '--driver', 'overlay'];
    timed(`${bin}/ufs-mount`, whole, env); // has them in the store
    storedPlan(sources, `${at}/store`, `${at}/plan`);
    const figures: Record<string, number[]> = { launcher: [], command: [], nothing: [] };
    for (let i = 0; i < Number(rounds); i++) {
      // In turn, so that what else the machine does falls on all alike.
      figures.launcher!.push(timed(`${bin}/ctr-launcher`, ['--plan', `${at}/plan`], env));
      figures.command!.push(timed(`${bin}/ufs-mount`, whole, env));
      const begun = process.hrtime.bigint();
      execFileSync('/bin/true');
      figures.nothing!.push(Number(process.hrtime.bigint() - begun) / 1e6);
    }
    for (const [name, values] of Object.entries(figures))
      process.stdout.write(
        `${name.padEnd(9)} ${median(values).toFixed(1)} ms, best ${Math.min(...values).toFixed(1)} ms, of ${values.length}\n`,
      );
  } finally {
    rmSync(at, { recursive: true, force: true });
  }
}
