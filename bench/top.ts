/**
 * What `ctr-run top` costs with N containers: `node bench/top.ts [N] [SECONDS]`, as root. The containers are groups
 * with names like Docker's and a sleeping process in each. It is measured after its start, by the CPU time of its
 * process, as lines of JSON and at a terminal of 80 by 50.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { cgroupHierarchies } from '../packages/sys/src/proc/cgroup.ts';

const count = Number(process.argv[2] ?? 300);
const seconds = Number(process.argv[3] ?? 20);
const ctr = join(import.meta.dirname, '../dist/bin/ctr-run');
const group = `/ctr-bench-top-${process.pid}`;
const tops = cgroupHierarchies('self')
  .hierarchies.filter(({ controllers }) => !controllers.includes('cpuset'))
  .map(({ mountPoint, version }) => ({ directory: `${mountPoint}${group}`, version }));
const nameOf = (i: number): string => `docker-${i.toString(16).padStart(64, '0')}.scope`;
const sleepers: ChildProcess[] = [];

/** CPU time of a process and those below it, in nanoseconds (Documentation/scheduler/sched-stats.rst, /proc/PID/schedstat). */
function cpuTime(pid: number): number {
  const threads = readdirSync(`/proc/${pid}/task`);
  const own = threads.map((thread) => {
    const children = readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').split(' ').filter(Boolean);
    const [ran] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ');
    return Number(ran) + children.reduce((sum, child) => sum + cpuTime(Number(child)), 0);
  });
  return own.reduce((sum, one) => sum + one, 0);
}

/** The share of a core that a command takes once it has begun. */
async function shareOf(argv: readonly string[]): Promise<number> {
  const child = spawn(argv[0]!, argv.slice(1), { stdio: ['ignore', 'ignore', 'inherit'] });
  await setTimeout(4000);
  const [before, begun] = [cpuTime(child.pid!), performance.now()];
  await setTimeout(seconds * 1000);
  const [after, ended] = [cpuTime(child.pid!), performance.now()];
  const end = once(child, 'exit');
  child.kill('SIGTERM');
  await end;
  return (after - before) / 1e6 / (ended - begun);
}

try {
  for (const { directory, version } of tops) {
    mkdirSync(directory);
    if (version === 2) {
      const controllers = readFileSync(`${directory}/cgroup.controllers`, 'utf8')
        .trim()
        .split(' ')
        .filter(Boolean);
      writeFileSync(`${directory}/cgroup.subtree_control`, controllers.map((name) => `+${name}`).join(' '));
    }
  }
  for (let i = 0; i < count; i++) {
    const sleeper = spawn('sleep', ['100000'], { stdio: 'ignore' });
    sleepers.push(sleeper);
    for (const { directory } of tops) {
      mkdirSync(`${directory}/${nameOf(i)}`);
      writeFileSync(`${directory}/${nameOf(i)}/cgroup.procs`, String(sleeper.pid));
    }
  }
  const shown = JSON.parse(
    execFileSync('sh', ['-c', `${ctr} top --all --json | head -n 1`], { encoding: 'utf8' }),
  ) as { containers: { group: string }[] };
  const seen = shown.containers.filter((one) => one.group.startsWith(group)).length;
  if (seen !== count) throw new Error(`top sees ${seen} of ${count} containers`);
  const say = (what: string, share: number): void =>
    console.log(`${what} ${count} containers: ${(share * 100).toFixed(1)} % of a core`);
  say('top --json,', await shareOf([ctr, 'top', '--all', '--json']));
  // script(1) gives it a terminal.
  say(
    'top at a terminal,',
    await shareOf(['script', '-qfc', `stty cols 80 rows 50; exec ${ctr} top --all`, '/dev/null']),
  );
} finally {
  const ends = sleepers.map((sleeper) => once(sleeper, 'exit'));
  for (const sleeper of sleepers) sleeper.kill('SIGKILL');
  await Promise.all(ends);
  for (const { directory } of tops) {
    for (let i = 0; i < count; i++)
      try {
        rmdirSync(`${directory}/${nameOf(i)}`);
      } catch {}
    rmdirSync(directory);
  }
}
