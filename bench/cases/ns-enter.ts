/**
 * Joining five namespaces and creating six, beside nsenter(1) and unshare(1): with the planner
 * (the tool as it is typed), and the launcher's own part with a stored plan.
 *
 *     node bench/cases/ns-enter.ts [ROUNDS]
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { applyChain, flagsOf, type Host, parseArgv, type Tool } from '../../packages/cli/src/index.ts';
import { nsEnter } from '../../packages/ns-enter/src/index.ts';
import { encode } from '../../packages/plan/src/index.ts';
import { type Contender, measure } from '../measure.ts';

export interface Case {
  name: string;
  contenders: readonly Contender[];
}

const bin = join(import.meta.dirname, '../../dist/bin');

/** Store the plan of an ns-enter line; the path of the file. */
async function storedPlan(at: string, name: string, argv: readonly string[]): Promise<string> {
  const host: Host = {
    tool: 'ns-enter',
    argv,
    env: new Map(Object.entries(process.env) as [string, string][]),
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
    launcher: join(bin, 'ns-enter'),
    cwd: process.cwd(),
  };
  const parsed = parseArgv(argv, { flags: flagsOf(nsEnter), command: nsEnter.command });
  const path = join(at, `${name}.plan`);
  writeFileSync(path, encode(await applyChain(nsEnter as Tool, parsed, host, async () => undefined)));
  return path;
}

/** A process in five namespaces of its own, for everybody to join. */
async function target(): Promise<{ pid: number; end: () => void }> {
  const flags = ['--mount', '--uts', '--ipc', '--net', '--pid', '--fork', '--kill-child', '--mount-proc'];
  const child = spawn('unshare', [...flags, 'sh', '-c', 'echo ready; exec sleep 3600'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise((resolve) => child.stdout.once('data', resolve));
  const pid = Number(readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'latin1').trim());
  return { pid, end: () => void child.kill('SIGKILL') };
}

/** The cases, and how to end the process that they join. */
export async function cases(at: string): Promise<{ cases: Case[]; end: () => void }> {
  const { pid, end } = await target();
  const join5 = ['--target', String(pid), '--mount', '--uts', '--ipc', '--net', '--pid', '--', '/bin/true'];
  const create6 = ['mount', 'uts', 'ipc', 'net', 'pid', 'cgroup'];
  const ours6 = ['--new', create6.join(','), '--', '/bin/true'];
  const theirs = create6.map((kind) => `--${kind}`);
  const beside = async (name: string, argv: readonly string[], peer: readonly string[]): Promise<Case> => ({
    name,
    contenders: [
      { name: 'the command itself', argv: ['/bin/true'] },
      {
        name: 'ctr-launcher --plan',
        argv: [join(bin, 'ctr-launcher'), '--plan', await storedPlan(at, name.replaceAll(' ', '-'), argv)],
      },
      { name: 'ns-enter', argv: [join(bin, 'ns-enter'), ...argv] },
      { name: peer[0]!, argv: peer },
    ],
  });
  return {
    cases: [
      await beside('join five namespaces', join5, ['nsenter', ...join5]),
      await beside('create six namespaces', ours6, ['unshare', ...theirs, '--fork', '--', '/bin/true']),
      await beside(
        'join one in place',
        ['--target', String(pid), '--uts', '--', '/bin/true'],
        ['nsenter', '--target', String(pid), '--uts', '--', '/bin/true'],
      ),
    ],
    end,
  };
}

if (import.meta.main) {
  const at = mkdtempSync(join(tmpdir(), 'ctr-bench-ns-'));
  const made = await cases(at);
  try {
    for (const { name, contenders } of made.cases) {
      const results = measure(contenders, Number(process.argv[2] ?? 40), 3, at);
      const peer = results.at(-1)!;
      process.stdout.write(`${name}\n`);
      for (const r of results)
        process.stdout.write(
          `  ${r.name.padEnd(20)} median ${r.median.toFixed(2)} ms  ${(r.median / peer.median).toFixed(2)} × ${peer.name}; best ${r.best.toFixed(2)} ms  ${(r.best / peer.best).toFixed(2)} ×\n`,
        );
    }
  } finally {
    made.end();
    rmSync(at, { recursive: true, force: true });
  }
}
