/** Containers that are run to see whether they work. On Node alone. */
import { spawn, spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import process from 'node:process';
import { clearTimeout, setTimeout } from 'node:timers';
import { Failure, type Host } from '@ctr-tools/cli';
import { meeting, startAgent } from '@ctr-tools/cli/agent';
import { type LinuxSeccomp, parseJson, type Spec, serializeJson } from '@ctr-tools/oci';
import { asSection, learningAgent, learningSection } from '@ctr-tools/seccomp-load/learning';
import { lockFile } from '@ctr-tools/sys';
import { madeUpId } from '../container/make.ts';
import type { Ended } from './tighten.ts';

/** So much of what a command writes is compared (letters). */
const MOST = 1 << 20;
/** The time of a trial: three times the first run's, and this (milliseconds). */
const SPARE = 10_000;

export type Runtime = 'ctr-run' | 'runc' | 'crun';

export class Trials {
  private readonly host: Host;
  private readonly stateRoot: string;
  private readonly directory = mkdtempSync('/tmp/ctr-harden-');
  private limit: number | undefined;
  private current: { runtime: Runtime; id: string } | undefined;
  count = 0;

  constructor(host: Host, stateRoot: string) {
    this.host = host;
    this.stateRoot = stateRoot;
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.on(signal, () => {
        this.close();
        process.removeAllListeners(signal);
        process.kill(process.pid, signal);
      });
  }

  /** Take away what a trial has left, if it was ended from outside. */
  close(): void {
    if (this.current) this.remove(this.current);
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** The line that calls a runtime; its own state is kept apart from everybody's. */
  private callOf(runtime: Runtime): [file: string, ...args: string[]] {
    return runtime === 'ctr-run'
      ? [this.host.launcher, '--root', this.stateRoot]
      : [runtime, '--root', `${this.directory}/state`];
  }

  private remove({ runtime, id }: { runtime: Runtime; id: string }): void {
    const [file, ...args] = this.callOf(runtime);
    spawnSync(file, [...args, 'delete', '--force', id], { argv0: runtime, stdio: 'ignore' });
  }

  /** Run this spec to its end, with nothing on stdin. */
  async run(spec: Spec, runtime: Runtime = 'ctr-run'): Promise<Ended> {
    const id = `harden-${madeUpId()}`;
    const [file, ...args] = this.callOf(runtime);
    const bundle = `${this.directory}/${id}`;
    if (runtime !== 'ctr-run') {
      mkdirSync(bundle);
      writeFileSync(`${bundle}/config.json`, serializeJson(spec));
    }
    const words = runtime === 'ctr-run' ? ['run', '--id', id, '-'] : ['run', '--bundle', bundle, id];
    const begin = performance.now();
    const child = spawn(file, [...args, ...words], {
      argv0: runtime,
      cwd: this.host.cwd,
      env: Object.fromEntries(this.host.env),
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.current = { runtime, id };
    this.count++;
    child.stdin.on('error', () => {});
    child.stdin.end(runtime === 'ctr-run' ? serializeJson(spec) : '');
    const written = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const)
      child[name].setEncoding('utf8').on('data', (text: string) => {
        if (written[name].length < MOST) written[name] += text;
      });
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.remove({ runtime, id });
    }, this.limit ?? 600_000);
    const code = await new Promise<number | undefined>((done, fail) => {
      child.on('error', (error: NodeJS.ErrnoException) =>
        fail(
          new Failure(`run ${runtime}: ${error.code === 'ENOENT' ? 'it is not installed' : error.message}`),
        ),
      );
      child.on('close', (status) => done(status ?? undefined));
    });
    clearTimeout(timer);
    if (runtime !== 'ctr-run') this.remove({ runtime, id });
    this.current = undefined;
    this.limit ??= 3 * (performance.now() - begin) + SPARE;
    // What names the container is another in each run.
    const same = (text: string): string => text.replaceAll(id, 'ID');
    return {
      ...(!late && code !== undefined && { code }),
      stdout: same(written.stdout),
      stderr: same(written.stderr),
    };
  }

  /** Run it with every call let through and noted: how it ended, and the smallest filter under which it does that. */
  async learn(spec: Spec, runtimes: boolean): Promise<{ ended: Ended; seccomp: LinuxSeccomp | undefined }> {
    const directory = mkdtempSync(`${this.directory}/learn-`);
    const out = `${this.directory}/profile.json`;
    const doing = 'start the agent that learns system calls';
    startAgent(
      { tool: 'seccomp-load', args: learningAgent(out, directory, runtimes), directory, doing },
      this.host,
    );
    const { socket, lock } = meeting(directory);
    const ended = await this.run({ ...spec, linux: { ...spec.linux, seccomp: learningSection(socket) } });
    rmSync(socket, { force: true });
    // The agent holds the lock until it has written.
    const fd = openSync(lock, 'r');
    lockFile(fd);
    closeSync(fd);
    if (!existsSync(out)) return { ended, seccomp: undefined };
    return {
      ended,
      seccomp: asSection(parseJson(readFileSync(out), out) as Parameters<typeof asSection>[0]),
    };
  }
}
