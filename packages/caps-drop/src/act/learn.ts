import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { resolve } from 'node:path';
import {
  err,
  Failure,
  type Host,
  kernelWords,
  out,
  type Parsed,
  shellLine,
  UsageError,
  wouldDo,
} from '@ctr-tools/cli';
import { ociVersion, serializeJson } from '@ctr-tools/oci';
import { shortNames, specNames } from '../capability-list.ts';
import type { CapsOptions } from '../options.ts';
import { learned } from './learned.ts';
import { type FirstRun, proven } from './prove.ts';
import { CapabilityTrace } from './trace.ts';

/**
 * `--learn FILE -- COMMAND`: run the command as it is, under the kernel's own record of
 * capability checks, and write what it needed: a list for `--only`, or a spec where the
 * file's name ends in .json, or the list to stdout for `-`. Ends as the command ended.
 */
export async function learn(
  file: string,
  _options: CapsOptions,
  parsed: Parsed,
  host: Host,
): Promise<number> {
  const { command } = parsed;
  if (!command?.length) throw new UsageError('--learn runs a command: caps-drop --learn caps.txt -- COMMAND');
  if (parsed.flags.has('plan'))
    return wouldDo(
      `run ${shellLine(command)} while the kernel records its capability checks`,
      `write what it needed to ${file === '-' ? 'standard output' : resolve(host.cwd, file)}`,
    );
  const trace = new CapabilityTrace();
  let first: FirstRun;
  let found: ReturnType<CapabilityTrace['read']>;
  let self: number;
  try {
    self = trace.followSelf();
    first = await run(command, host);
    found = trace.read();
  } finally {
    trace.close();
  }
  const { needed: granted, refused, asked } = learned(found.events, self);
  const needed = await proven(granted, granted & refused, first, command, host);
  const text = file.endsWith('.json') ? asSpec(needed, host) : `${shortNames(needed)}\n`;
  if (file === '-') out(text);
  else write(resolve(host.cwd, file), text);
  err(`caps-drop: asked for: ${shortNames(asked)}\ncaps-drop: needed: ${shortNames(needed)}\n`);
  const without = refused & ~needed;
  if (without) err(`caps-drop: refused, and therefore not in the set: ${shortNames(without)}\n`);
  if (found.lost > 0) err(`caps-drop: ${found.lost} entries found no room, so the set may lack something\n`);
  return first.code;
}

function write(file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch (error) {
    throw new Failure(`write what was learned to ${file}: ${kernelWords(error)}`);
  }
}

/** Run it with our own descriptors 0, 1 and 2; its end as an exit code. */
function run(command: readonly string[], host: Host): Promise<FirstRun> {
  const begin = performance.now();
  let signalled = false;
  // A terminal sends these to the command too, which is the one to mind them.
  for (const signal of ['SIGINT', 'SIGQUIT'] as const)
    process.on(signal, () => {
      signalled = true;
    });
  const child = spawn(command[0]!, command.slice(1), {
    stdio: 'inherit',
    cwd: host.cwd,
    env: Object.fromEntries(host.env),
    argv0: command[0],
  });
  for (const signal of ['SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => {
      signalled = true;
      child.kill(signal);
    });
  return new Promise((done, fail) => {
    child.on('error', (error: NodeJS.ErrnoException) => {
      const missing = error.code === 'ENOENT';
      fail(
        new Failure(`run ${command[0]}: ${missing ? 'no such command' : error.message}`, missing ? 127 : 126),
      );
    });
    child.on('exit', (code, signal) =>
      done({
        code: code ?? 128 + constants.signals[signal!],
        milliseconds: performance.now() - begin,
        signalled: signalled || signal !== null,
      }),
    );
  });
}

function asSpec(needed: bigint, host: Host): string {
  const names = specNames(needed);
  // Who is not root keeps over the exec only what is ambient.
  const kept = host.euid === 0 ? [] : names;
  const capabilities = {
    bounding: names,
    effective: names,
    permitted: names,
    inheritable: kept,
    ambient: kept,
  };
  return serializeJson({ ociVersion, process: { cwd: '/', capabilities } }, 2);
}
