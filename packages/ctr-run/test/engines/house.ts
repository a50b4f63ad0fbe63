/**
 * A house for an engine: namespaces of its own in which a newer Debian's engines lie over this machine's. Their /usr is
 * an overlay, so that engines find shims, libraries and helpers where they were built to look; the C library there is
 * the newer one, which runs older programs too. Whatever is started in it ends with it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Ended, run, slower, tempDir, toolPath, until } from '../../../../test/support.ts';
import { type Unpacked, unpacked } from '../unpacked.ts';
import { removeParent } from './engine.ts';

const engines = ['podman', 'conmon', 'catatonit', 'netavark', 'docker.io', 'docker-cli', 'containerd'];
const runtimes = ['runc', 'crun', 'tini-static', 'containernetworking-plugins'];
const settings = ['golang-github-containers-common', 'golang-github-containers-image'];
const libraries = [
  ...[
    'libc6',
    'libseccomp2',
    'libsystemd0',
    'libcap2',
    'libyajl2',
    'libblake3-0',
    'libgpgme45',
    'libassuan9',
  ],
  ...['libgpg-error0', 'libsubid6', 'libglib2.0-0t64', 'libsqlite3-0', 'libpcre2-8-0', 'libselinux1'],
  ...['libaudit1', 'libcap-ng0', 'libacl1', 'libatomic1'],
];

/** podman 5.8, Docker 28, containerd 2.1, runc 1.3.6, crun 1.28 at the time of writing. */
export const newer = (): Unpacked =>
  unpacked('engines', 'forky', [...engines, ...runtimes, ...settings, ...libraries]);

/** What the machine has itself: nothing lies over it. */
export const own: Unpacked = { root: '' };

export interface House {
  /** For what the engines write. */
  home: string;
  /** The parent of the containers' groups. */
  parent: string;
  /** A line of shell inside. */
  sh(line: string, timeout?: number): Ended;
  /** The command lines of the processes inside, but for the house's own. */
  processes(): string[];
  end(): Promise<void>;
}

/** PID 1 of the house: it collects who ended and waits. */
const first = `$SIG{CHLD} = 'IGNORE'; $| = 1; print "ready\\n"; sleep 1000 while 1`;

/**
 * /etc is a copy in memory, so that a test may add users to it. /run and /dev/shm are new, for engines and runtimes have
 * states and locks there: an engine whose helper was killed leaves them, with runc too.
 */
const setUp = `
  [ -z "$1" ] || mount -t overlay overlay -o lowerdir="$1/usr:/usr" /usr || exit 1
  mount -t tmpfs tmpfs "$2" && cp -a /etc "$2/etc" || exit 1
  [ -z "$1" ] || cp -a "$1/etc/." "$2/etc/" || exit 1
  mount --bind "$2/etc" /etc && mount -t tmpfs tmpfs /run && mount -t tmpfs tmpfs /dev/shm || exit 1
  mkdir /run/lock && ip link set lo up || exit 1
  exec perl -e "$3"
`;

const path = '/usr/sbin:/usr/bin:/sbin:/bin';

export async function openHouse(name: string, root: string): Promise<House> {
  const home = tempDir(`house-${name}`);
  // Root of a container's user namespace goes through them.
  for (const path of [home, dirname(home)]) chmodSync(path, 0o755);
  const etc = `${home}/memory`;
  mkdirSync(etc);
  const parent = `/ctr-test-${name}-${process.pid}`;
  const apart = ['--mount', '--pid', '--fork', '--kill-child', '--mount-proc', '--net', '--ipc', '--uts'];
  const holder: ChildProcess = spawn('unshare', [...apart, '/bin/sh', '-c', setUp, 'sh', root, etc, first], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: path },
  });
  const ended = new Promise<void>((resolve) => holder.once('close', () => resolve()));
  let said = '';
  for (const stream of [holder.stdout!, holder.stderr!])
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
  const end = async (): Promise<void> => {
    // --kill-child: the namespace's PID 1 dies with its parent, and everybody there with it.
    if (holder.exitCode === null && holder.signalCode === null) holder.kill('SIGKILL');
    await ended;
    removeParent(parent);
  };
  await until('the house stands', () => said.includes('ready\n') || holder.exitCode !== null);
  if (holder.exitCode !== null) throw new Error(`the house does not stand: ${said}`);
  const children = `/proc/${holder.pid}/task/${holder.pid}/children`;
  const pid = readFileSync(children, 'utf8').trim();
  const env = { PATH: path, HOME: home, TMPDIR: '/tmp', LC_ALL: 'C.UTF-8' };
  const enter = ['--target', pid, '--mount', '--pid', '--net', '--ipc', '--uts', '--wd=/', '/bin/sh', '-c'];
  const sh = (line: string, timeout = 120_000): Ended => run('nsenter', [...enter, line], { env, timeout });
  const processes = (): string[] => {
    // The second is the shell that asks.
    const { stdout } = sh(`for p in /proc/[0-9]*; do [ "$p" = /proc/1 ] || [ "$p" = /proc/$$ ] ||
      { tr '\\0' ' ' <"$p/cmdline"; echo; } 2>/dev/null; done`);
    return stdout.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('tr '));
  };
  return { home, parent, sh, processes, end };
}

/** The runtimes that are compared inside: whatever runc is first in PATH there, and ours. */
export const peers = { runc: '/usr/sbin/runc', ctr: toolPath('ctr-run') } as const;
export type Peer = keyof typeof peers;

/** Ask inside, every tenth of a second, until the line of shell succeeds. Whether it did. */
export const eventually = (house: House, line: string, seconds = 30): boolean =>
  house.sh(
    `n=0; until { ${line}; } >/dev/null 2>&1; do n=$((n+1)); [ $n -lt ${seconds * 10 * slower} ] || exit 1; sleep 0.1; done`,
    (seconds + 10) * 2000,
  ).status === 0;

/** Start a daemon inside, and wait until it answers. */
export function startInside(house: House, name: string, line: string, ready: string): void {
  house.sh(`setsid ${line} >>${house.home}/${name}.log 2>&1 </dev/null &`);
  if (eventually(house, ready)) return;
  const log = `${house.home}/${name}.log`;
  throw new Error(
    `${name} does not come up:\n${existsSync(log) ? readFileSync(log, 'utf8').slice(-2000) : ''}`,
  );
}

/** A line of shell, and what it says and ends with (`0: hi`); without, it is compared with the peer's answer alone. */
export type Call = readonly [line: string, answer?: string];

/** What differs from one container to the next: IDs, and the times of an engine's log. */
const plain = (text: string): string =>
  text
    .replaceAll(/\b[0-9a-f]{64}\b/g, 'ID')
    .replaceAll(/time="[^"]*"/g, 'time')
    .replaceAll('\r', '')
    .trim();

/** Make the calls inside, one after the other, and tell each with its answer. */
export function through(house: House, begin: string, calls: readonly Call[]): string[] {
  const lines = calls.map(([line]) => `{ ${line}\n} </dev/null; echo "@$?@"`);
  const { stdout } = house.sh(`cd /; exec 2>&1\n${begin}\n${lines.join('\n')}`, 900_000);
  const answers = [...stdout.matchAll(/([\s\S]*?)@(\d+)@\n/g)];
  return calls.map(([line], i) => {
    const [, said = stdout, status = 'never came to it'] = answers[i] ?? [];
    return `${line} => ${status}: ${plain(said)}`.trim();
  });
}

/** What the calls have to answer, told as `through` tells it. */
export const answersOf = (calls: readonly Call[]): string[] =>
  calls.flatMap(([line, answer]) => (answer === undefined ? [] : [`${line} => ${answer}`]));
