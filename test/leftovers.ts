/**
 * The check at the end of a run with root: nothing that a test made may be left over.
 *
 * A machine has other people on it, who mount and start things meanwhile. So the run gets
 * a temporary directory of its own (TMPDIR), and what counts is what lies in it or was
 * started with it; and, of what can lie nowhere else, new cgroups and state directories
 * with our names.
 */
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ours = /^ctr-/;

/** Everything on the machine that a test with this temporary directory may have made, one line each. */
export function traces(tmp: string): Set<string> {
  return new Set([...mounts(tmp), ...cgroups(), ...loops(tmp), ...processes(tmp), ...directories(tmp)]);
}

const within = (tmp: string, path: string): boolean => path === tmp || path.startsWith(`${tmp}/`);

function mounts(tmp: string): string[] {
  return lines('/proc/self/mountinfo')
    .map((line) => {
      const fields = line.split(' ');
      return { at: fields[4] ?? '', source: fields[fields.indexOf('-') + 2] ?? '' };
    })
    .filter(({ at, source }) => within(tmp, at) || within(tmp, source) || /\/run\/ctr-/.test(at))
    .map(({ at }) => `mount ${at}`);
}

/** Groups with our names, in every hierarchy. They lie near the top, or below the group of this run. */
function cgroups(): string[] {
  const found: string[] = [];
  const roots = lines('/proc/self/mountinfo')
    .filter((line) => / - cgroup2? /.test(line))
    .map((line) => line.split(' ')[4]!);
  const walk = (path: string, depth: number): void => {
    for (const name of subdirectories(path)) {
      if (ours.test(name)) found.push(`cgroup ${join(path, name)}`);
      else if (depth > 0) walk(join(path, name), depth - 1);
    }
  };
  for (const root of roots) walk(root, 4);
  return found;
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
    const started = lines(`/proc/${pid}/environ`).some((text) => text.split('\0').includes(`TMPDIR=${tmp}`));
    if (started || places.some((path) => within(tmp, path))) found.push(`process ${pid} (${name})`);
  }
  return found;
}

/** vitest itself, and its workers and compilers, which end after this check. */
function isAncestorOrRunner(pid: number): boolean {
  if (pid === process.pid) return true;
  return (
    link(`/proc/${pid}/exe`) === process.execPath ||
    /esbuild|vitest/.test(lines(`/proc/${pid}/comm`)[0] ?? '')
  );
}

function directories(tmp: string): string[] {
  const inTmp = list(tmp).map((name) => `file ${join(tmp, name)}`);
  const inRun = list('/run').filter((name) => ours.test(name) && name !== 'ctr-run');
  const containers = list('/run/ctr-run');
  return [
    ...inTmp,
    ...inRun.map((name) => `directory /run/${name}`),
    ...containers.map((name) => `state /run/ctr-run/${name}`),
  ];
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
  // Workers inherit it, and os.tmpdir() there answers with it.
  process.env.TMPDIR = tmp;
  const before = traces(tmp);
  return async () => {
    process.env.TMPDIR = outer;
    let left: string[] = [];
    // What was killed a moment ago may still be on its way out.
    for (let tries = 0; tries < 20; tries++) {
      left = [...traces(tmp)].filter((trace) => !before.has(trace));
      if (left.length === 0) {
        rmdirSync(tmp);
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
    throw new Error(`the tests left over:\n${left.map((trace) => `  ${trace}`).join('\n')}`);
  };
}
