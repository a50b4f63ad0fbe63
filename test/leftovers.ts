/**
 * The check at the end of a run with root: nothing that a test made may be left over.
 *
 * A machine has other people on it, who mount and start things meanwhile, and other runs of
 * these same tests. So only what this run can have made counts:
 *
 * - what lies in a temporary directory (TMPDIR) of the run's own, or was started with it
 * - cgroups and state directories whose name holds the PID of one of its test processes, or
 *   whose container has its bundle there
 * - groups that tools name by themselves, where they stay though nobody else runs in them
 */
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { recordLeftOver } from './skips.ts';

/** The environment variable with the file into which test/worker.ts writes each test process's PID. */
export const WORKERS = 'CTR_TEST_WORKERS';

const top = join(import.meta.dirname, '..');
const ours = /^ctr-/;

/** What tells this run from others. */
export interface Run {
  tmp: string;
  /** PIDs of its test processes. */
  workers: ReadonlySet<string>;
}

/** Everything on the machine that a test of this run may have made, one line each. */
export function traces(run: Run): Set<string> {
  const { tmp } = run;
  return new Set([...mounts(tmp), ...cgroups(run), ...loops(tmp), ...processes(tmp), ...directories(run)]);
}

const isOfWorker = (name: string, { workers }: Run): boolean =>
  (name.match(/\d+/g) ?? []).some((number) => workers.has(number));

const within = (tmp: string, path: string): boolean => path === tmp || path.startsWith(`${tmp}/`);

function mounts(tmp: string): string[] {
  return lines('/proc/self/mountinfo')
    .map((line) => {
      const fields = line.split(' ');
      return { at: fields[4] ?? '', source: fields[fields.indexOf('-') + 2] ?? '' };
    })
    .filter(({ at, source }) => within(tmp, at) || within(tmp, source))
    .map(({ at }) => `mount ${at}`);
}

/** Groups with our names, in every hierarchy. They lie near the top, or below the group of this run. */
function cgroups(run: Run): string[] {
  const found: string[] = [];
  const roots = lines('/proc/self/mountinfo')
    .filter((line) => / - cgroup2? /.test(line))
    .map((line) => line.split(' ')[4]!)
    // What peers make as plain directories, where a hierarchy is known but mounted nowhere.
    .concat('/sys/fs/cgroup');
  const walk = (path: string, depth: number): void => {
    for (const name of subdirectories(path)) {
      const group = join(path, name);
      if (ours.test(name)) {
        if (isGroupOurs(name, group, run)) found.push(`cgroup ${group}`);
      } else if (depth > 0) walk(group, depth - 1);
    }
  };
  for (const root of roots) walk(root, 4);
  return found;
}

/** `ctr-test-…` has the PID of the test process; what tools name has nothing of ours but its processes. */
function isGroupOurs(name: string, group: string, run: Run): boolean {
  if (isOfWorker(name, run)) return true;
  if (/ctr-test-/.test(name)) return false;
  return lines(join(group, 'cgroup.procs')).every((pid) => isStartedIn(pid, run.tmp));
}

function loops(tmp: string): string[] {
  return list('/sys/block')
    .filter((name) => name.startsWith('loop'))
    .map((name) => ({ name, file: lines(`/sys/block/${name}/loop/backing_file`)[0] ?? '' }))
    .filter(({ file }) => within(tmp, file))
    .map(({ name, file }) => `loop device ${name} of ${file}`);
}

/** Processes that stand in a directory of the run, run a file of it, or were started with its TMPDIR. */
function processes(tmp: string): string[] {
  const found: string[] = [];
  for (const pid of list('/proc')) {
    if (!/^\d+$/.test(pid)) continue;
    const stat = lines(`/proc/${pid}/stat`)[0] ?? '';
    const name = stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')'));
    if (isAncestorOrRunner(Number(pid))) continue;
    const places = ['exe', 'cwd', 'root'].map((what) => link(`/proc/${pid}/${what}`));
    if (isStartedIn(pid, tmp) || places.some((path) => within(tmp, path)))
      found.push(`process ${pid} (${name})`);
  }
  return found;
}

const isStartedIn = (pid: string, tmp: string): boolean =>
  lines(`/proc/${pid}/environ`).some((text) => text.split('\0').includes(`TMPDIR=${tmp}`));

/** vitest itself, and its workers and compilers, which end after this check. */
function isAncestorOrRunner(pid: number): boolean {
  if (pid === process.pid) return true;
  return (
    link(`/proc/${pid}/exe`) === process.execPath ||
    /esbuild|vitest/.test(lines(`/proc/${pid}/comm`)[0] ?? '')
  );
}

function directories(run: Run): string[] {
  const containers = list('/run/ctr-run').filter(
    (id) => isOfWorker(id, run) || isBundleOurs(`/run/ctr-run/${id}/state.json`, run.tmp),
  );
  const inRun = list('/run').filter((name) => ours.test(name) && isOfWorker(name, run));
  return [
    ...list(run.tmp).map((name) => `file ${join(run.tmp, name)}`),
    ...inRun.map((name) => `directory /run/${name}`),
    ...containers.map((id) => `state /run/ctr-run/${id}`),
  ];
}

/** Tests' bundles lie in the temporary directory; one without a bundle has the working directory as its own. */
function isBundleOurs(state: string, tmp: string): boolean {
  try {
    const { bundle } = JSON.parse(readFileSync(state, 'utf8')) as { bundle: string };
    return within(tmp, bundle) || within(top, bundle);
  } catch {
    return false;
  }
}

function lines(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\n').filter(Boolean);
  } catch {
    return [];
  }
}

function list(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function subdirectories(path: string): string[] {
  try {
    return readdirSync(path, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name);
  } catch {
    return [];
  }
}

function link(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

/** vitest's globalSetup: look before, and give back the look after. */
export default function setup(): () => Promise<void> {
  const outer = tmpdir();
  const tmp = mkdtempSync(join(outer, 'ctr-'));
  const workers = `${tmp}.workers`;
  // Workers inherit both, and os.tmpdir() there answers with the first.
  process.env.TMPDIR = tmp;
  process.env[WORKERS] = workers;
  const before = traces({ tmp, workers: new Set() });
  return async () => {
    process.env.TMPDIR = outer;
    const run = { tmp, workers: new Set(lines(workers)) };
    rmSync(workers, { force: true });
    const left = await staying(() => [...traces(run)].filter((trace) => !before.has(trace)));
    for (const trace of left) recordLeftOver(trace);
    if (left.length > 0)
      throw new Error(`the tests left over:\n${left.map((trace) => `  ${trace}`).join('\n')}`);
    rmdirSync(tmp);
  };
}

/**
 * What is there at every look in five seconds: what was killed a moment ago may still be on
 * its way out, and what others make and remove meanwhile changes from look to look.
 */
export async function staying(look: () => string[], looks = 20): Promise<string[]> {
  let left = look();
  for (let n = 1; n < looks && left.length > 0; n++) {
    await new Promise((resolve) => setTimeout(resolve, 250));
    const now = new Set(look());
    left = left.filter((trace) => now.has(trace));
  }
  return left;
}
