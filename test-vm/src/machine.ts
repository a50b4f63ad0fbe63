/** A running machine, and what can be done in it: all by SSH over a loopback port. */
import { chmodSync, existsSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { Box } from './box.ts';
import { needSpace, runDir } from './cache.ts';
import { atEnd, type Ended, must, need, type RunOptions, run } from './child.ts';
import { VmError } from './errors.ts';
import { type Accel, type Boot, startQemu } from './qemu.ts';
import { archiveDependencies } from './tree.ts';

export type User = 'root' | 'vagrant';

export interface Machine {
  /** What it is, in words for the report. */
  name: string;
  /** Run a line of shell in it. */
  shell(user: User, line: string, options?: RunOptions): Promise<Ended>;
  /** The last lines of its console. */
  tail(): string;
  stop(): Promise<void>;
}

export interface Login {
  port: number;
  host?: string;
  key: string;
}

/** ssh(1)'s arguments. Keys of hosts are not minded: they are new at each boot, on loopback. */
export function sshArgs(login: Login, user: string): string[] {
  const options = [
    ...['StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', 'GlobalKnownHostsFile=/dev/null'],
    ...['IdentitiesOnly=yes', 'BatchMode=yes', 'LogLevel=ERROR', 'ConnectTimeout=10'],
    ...['ServerAliveInterval=15', 'ServerAliveCountMax=20', 'PreferredAuthentications=publickey'],
  ];
  return [
    ...['-F', 'none', '-i', login.key, '-p', `${login.port}`, ...options.flatMap((option) => ['-o', option])],
    `${user}@${login.host ?? '127.0.0.1'}`,
  ];
}

/** Lines at a console's end that say what became of the machine. */
export function lastLines(text: string, count = 25): string {
  const clean = text.replace(/\x1b\[[0-9;?]*[A-Za-z]|\x1b[c78]|\r/g, '');
  return clean.trimEnd().split('\n').slice(-count).join('\n');
}

export interface BootOptions {
  box: Box;
  boot: Boot;
  accel: Accel;
  cache: string;
  /** ms until it must answer. */
  limit: number;
  kernelArgs?: string | undefined;
  /** Bring the dependencies of the tree along, as a disk. */
  withTree?: boolean;
  say: (text: string) => void;
}

/** Boot a machine of its own, and wait until it answers. */
export async function bootMachine(options: BootOptions): Promise<Machine> {
  need('ssh', 'ssh-keygen', 'qemu-img');
  const dir = runDir(options.cache);
  const forget = atEnd(() => rmSync(dir, { recursive: true, force: true }));
  try {
    const { stop, ...machine } = await bootIn(dir, options);
    return {
      ...machine,
      stop: async () => {
        await stop();
        await forget();
      },
    };
  } catch (error) {
    // Whatever it was, be it before QEMU began: nothing of the machine stays.
    await forget();
    throw error;
  }
}

async function bootIn(dir: string, options: BootOptions): Promise<Machine> {
  const { box, boot, accel, limit, kernelArgs, say } = options;
  needSpace(dir, 2000, 'the disk of a machine');
  const overlay = join(dir, 'overlay.qcow2');
  const consoleLog = join(dir, 'console.log');
  const key = join(dir, 'key');
  await must('making the overlay', 'qemu-img', [
    'create',
    '-q',
    '-f',
    'qcow2',
    '-b',
    box.image,
    '-F',
    'qcow2',
    overlay,
  ]);
  await must('making a key', 'ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'test-vm', '-f', key]);
  chmodSync(key, 0o600);
  const disk = options.withTree ? join(dir, 'dependencies.tar') : undefined;
  if (disk) await archiveDependencies(disk);
  const publicKey = readFileSync(`${key}.pub`, 'utf8');
  const began = Date.now();
  const tail = (): string => (existsSync(consoleLog) ? lastLines(readFileSync(consoleLog, 'utf8')) : '');
  // Between our look and QEMU's bind somebody else may take the port; then another is tried.
  for (let tries = 0; ; tries++) {
    const sshPort = await freePort();
    const qemu = startQemu({ box, boot, accel, overlay, consoleLog, sshPort, publicKey, kernelArgs, disk });
    let trouble = '';
    let gone: string | undefined;
    qemu.stderr!.setEncoding('utf8').on('data', (text: string) => {
      trouble += text;
    });
    qemu.once('exit', (status, signal) => {
      gone = signal ? `QEMU was ended by ${signal}` : `QEMU exited ${status}`;
    });
    const stop = async (): Promise<void> => {
      if (gone === undefined) {
        const ended = new Promise((resolve) => qemu.once('exit', resolve));
        qemu.kill('SIGKILL');
        await ended;
      }
    };
    const stopLater = atEnd(stop);
    const login = { port: sshPort, key };
    const answered = await waitForSsh(login, () => gone, began + limit);
    if (answered === true) {
      say(`${boot}: answers after ${((Date.now() - began) / 1000).toFixed(0)} s (${accel})`);
      return {
        ...machineAt(login, `${boot} (${accel})`),
        tail,
        stop: stopLater,
      };
    }
    await stopLater();
    if (/Could not set up host forwarding rule/.test(trouble) && tries < 5) continue;
    const last = tail();
    const why =
      gone && answered === 'gone'
        ? `${gone}${trouble ? `: ${trouble.trim()}` : ''}`
        : `no answer within ${limit / 1000} s`;
    throw new VmError(
      `booting the machine (${boot}, ${accel}): ${why}; the end of its console:\n${last || '(nothing)'}`,
    );
  }
}

/** What can be done in a machine that answers there. */
export function machineAt(login: Login, name: string): Omit<Machine, 'stop' | 'tail'> {
  return {
    name,
    shell: (user, line, options) => run('ssh', [...sshArgs(login, user), line], options),
  };
}

async function waitForSsh(
  login: Login,
  gone: () => string | undefined,
  end: number,
): Promise<true | 'gone' | 'late'> {
  while (Date.now() < end) {
    if (gone() !== undefined) return 'gone';
    const timeout = Math.max(1000, Math.min(20_000, end - Date.now()));
    const { status } = await run('ssh', [...sshArgs(login, 'root'), 'true'], { timeout });
    if (status === 0) return true;
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
  return gone() === undefined ? 'late' : 'gone';
}

/** A loopback port that nobody listens on now. */
export async function freePort(): Promise<number> {
  return await new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
