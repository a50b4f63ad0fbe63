/** Carrying a plan out with a fault at one of its steps, and looking for what is left. */
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hierarchiesOf } from '../packages/cg-limit/src/layout.ts';
import { type Command, type Host, type Program, runTool, type Tool } from '../packages/cli/src/index.ts';
import { encode, type Plan } from '../packages/plan/src/index.ts';
import { siblings } from '../packages/planner/src/tools.ts';
import { bin, type Ended, slower, tempDir, toolEnv } from './support.ts';

const launcher = join(bin, 'ctr-launcher');

export interface Planned {
  /** Where the launcher finds it. Its name is in the command line of every process that the launcher forks. */
  file: string;
  steps: Plan['steps'];
  /** How many numbers there are: the steps, and behind them the undoings. */
  rows: number;
}

let planned = 0;

/** The plan that a command line comes to here and now. It is carried out as often as one likes. */
export async function planOf(tool: string, argv: readonly string[], env = toolEnv()): Promise<Planned> {
  const host: Host = {
    tool,
    argv,
    env: new Map(Object.entries(env)),
    pid: process.pid,
    ppid: process.ppid,
    uid: process.getuid!(),
    euid: process.geteuid!(),
    gid: process.getgid!(),
    egid: process.getegid!(),
    umask: 0o22,
    fds: [0, 1, 2],
    tty: [false, false, false],
    columns: 80,
    rows: 24,
    launcher: join(bin, tool),
    cwd: process.cwd(),
  };
  const command = (await siblings(tool)) as Command;
  const isProgram = (one: Command): one is Program => 'dispatch' in one;
  const outcome = isProgram(command)
    ? await command.dispatch(host, siblings)
    : await runTool(command as Tool, host, siblings);
  if (typeof outcome === 'number' || !('steps' in outcome))
    throw new Error(`${tool} ${argv.join(' ')} is not a plan by itself`);
  const file = join(tempDir('plan'), `ctr-fault-${process.pid}-${planned++}`);
  writeFileSync(file, encode(outcome));
  const { steps } = outcome;
  return { file, steps, rows: steps.length + steps.filter((step) => step.undo).length };
}

export interface Fault {
  step: number;
  mode: 'fail' | 'die';
}

/** Header fields 14 and 15 (native/src/plan/plan.c), behind eight bytes that say what it is. */
const FAULT_STEP = 8 + 4 * 14;
const FAULT_MODE = 8 + 4 * 15;

/** Carry it out. What it prints goes to a file: what stays would keep a pipe open. */
export function carryOut({ file }: Planned, fault?: Fault, env = toolEnv()): Ended {
  const bytes = readFileSync(file);
  bytes.writeUInt32LE(fault ? fault.step + 1 : 0, FAULT_STEP);
  bytes.writeUInt32LE(fault ? { fail: 1, die: 2 }[fault.mode] : 0, FAULT_MODE);
  writeFileSync(file, bytes);
  const out = `${file}.out`;
  const fd = openSync(out, 'w');
  const { status, signal } = spawnSync(launcher, ['--plan', file], {
    stdio: ['ignore', fd, fd],
    env,
    timeout: 20_000 * slower,
    killSignal: 'SIGKILL',
  });
  closeSync(fd);
  return { status, signal, stdout: '', stderr: readFileSync(out, 'utf8') };
}

/** Where groups of a test are: beside this process, and at the top. */
const groupParents = [...new Set(hierarchiesOf().flatMap((h) => [h.mountPoint, h.directory]))];

/**
 * What there is of something that has one of these marks in its name: mounts, groups, directories of states, processes,
 * loop devices.
 */
export function left(...marks: string[]): string[] {
  const marked = (text: string): boolean => marks.some((mark) => text.includes(mark));
  return [
    ...lines('/proc/self/mountinfo').filter(marked),
    ...groupParents.flatMap((at) =>
      names(at)
        .filter(marked)
        .map((name) => `group ${at}/${name}`),
    ),
    ...['/run', '/run/ctr-run'].flatMap((at) =>
      names(at)
        .filter(marked)
        .map((name) => `${at}/${name}`),
    ),
    ...names('/proc')
      .filter((pid) => /^\d+$/.test(pid) && Number(pid) !== process.pid && isAlive(pid))
      .map((pid) => `process ${pid} ${lines(`/proc/${pid}/cmdline`).join(' ').replaceAll('\0', ' ')}`)
      .filter(marked),
    ...names('/sys/block').flatMap((name) => lines(`/sys/block/${name}/loop/backing_file`).filter(marked)),
  ];
}

/** A zombie has no program any more. */
function isAlive(pid: string): boolean {
  try {
    readlinkSync(`/proc/${pid}/exe`);
    return true;
  } catch {
    return false;
  }
}

/** Wait until nothing is left: what was killed may still be on its way out. */
export async function nothingLeft(after: string, ...marks: string[]): Promise<void> {
  const end = performance.now() + 5000 * slower;
  for (let there = left(...marks); there.length > 0; there = left(...marks)) {
    if (performance.now() > end) throw new Error(`left ${after}: ${there.join('\n')}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

function lines(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\n').filter(Boolean);
  } catch {
    return [];
  }
}

function names(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
