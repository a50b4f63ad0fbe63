/** The planner on both of what runs it: the engine in the launcher, and Node. */
import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeBytes } from '@ctr-tools/host';
import { bundleForEngine, bundleForNode } from '../../../scripts/planner-bundle.ts';

const top = join(import.meta.dirname, '../../..');
const native = join(top, 'native');

/** Runs a bundle in the engine. */
export const runner = join(native, 'build/engine-run');

export type Side = 'engine' | 'node';

/** What the launcher asks, as docs/architecture.md lists it under "Request". */
export interface Asked {
  tool: string;
  /** Byte strings, as everywhere in the planner. */
  argv: readonly string[];
  env?: Readonly<Record<string, string>>;
  stdin?: string | Uint8Array;
  cwd?: string;
  /** Real and effective user; 0 if left out. */
  uid?: number;
  /** Which of 0, 1 and 2 are terminals: `100`. */
  tty?: string;
}

export interface Answered {
  status: number | null;
  stdout: Buffer;
  stderr: Buffer;
  /** What was written to the launcher's socket: a plan, or the demand for Node. */
  plan: Buffer;
}

/** Programs and bundles in a directory, ready to be asked. */
export async function makeSides(directory: string): Promise<Record<Side, string[]>> {
  const made = spawnSync('make', ['-s', '-C', native, 'build/engine-run'], { encoding: 'utf8' });
  if (made.status !== 0) throw new Error(`make engine-run: ${made.stderr}`);
  mkdirSync(directory, { recursive: true });
  const [bundle, engine, node] = ['engine.js', 'engine', 'node.cjs'].map((name) => join(directory, name));
  writeFileSync(bundle!, (await bundleForEngine('0.0.0')).text);
  writeFileSync(node!, await bundleForNode('0.0.0'));
  // From an image, as the launcher has it: what modules are when they are evaluated is what they were then.
  const image = spawnSync(runner, ['--make-image', bundle!, runner, engine!], { encoding: 'utf8' });
  if (image.status !== 0) throw new Error(`make the engine's image: ${image.stderr}`);
  return { engine: [engine!], node: [process.execPath, node!] };
}

function requestOf({ tool, argv, env = {}, cwd = '/', uid = 0, tty = '000' }: Asked): Uint8Array {
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  const fields = [
    ...['CTRREQ4', tool, `${process.pid} ${process.ppid} ${uid} ${uid} ${uid} ${uid}`, '022', '0 1 2'],
    ...[tty, '80 24', join(top, `dist/bin/${tool}`), String(argv.length), ...argv],
    ...[String(variables.length), ...variables, cwd, '', ''],
  ];
  return encodeBytes(fields.map((field) => `${field}\0`).join(''));
}

/** Ask one side. `directory` is for the request. */
export function ask([file, ...args]: readonly string[], asked: Asked, directory: string): Answered {
  const request = join(directory, 'request');
  writeFileSync(request, requestOf(asked));
  const fd = openSync(request, 'r');
  // On 4 is a socket, as the launcher gives it. Whoever stays to answer questions finds its end there at once.
  const { status, stdout, stderr, output, error } = spawnSync(file!, args, {
    input: asked.stdin ?? '',
    cwd: asked.cwd ?? '/',
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
    stdio: ['pipe', 'pipe', 'pipe', fd, 'pipe'],
    maxBuffer: 1 << 28,
    timeout: 120_000,
  });
  closeSync(fd);
  if (error) throw error;
  return { status, stdout, stderr, plan: output[4] as unknown as Buffer };
}
