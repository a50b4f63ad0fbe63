/**
 * `node bench/engines.ts [ROUNDS]`: what a person waits for under podman, Docker and containerd, with each runtime in
 * turn, as root. Only engines that are installed; their daemons are started here, with everything they write in
 * a directory of their own, and ended again.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeBundle } from './bundle.ts';
import { type Contender, measure } from './measure.ts';
import { type Aim, report } from './results.ts';

const rounds = Number(process.argv[2] ?? 15);
const home = mkdtempSync(join(tmpdir(), 'ctr-engines-'));
const parent = `/ctr-bench-${process.pid}`;
const path = (name: string): string =>
  spawnSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).stdout.trim();
const runtimes: Record<string, string> = {
  'ctr-run': join(import.meta.dirname, '../dist/bin/ctr-run'),
  runc: path('runc'),
  crun: path('crun'),
};
const image = 'localhost/ctr-bench:1';
const daemons: ChildProcess[] = [];

/** `docker save`'s form, of one layer with busybox in it, which all engines load. */
function archive(): string {
  const at = join(home, 'image');
  mkdirSync(at);
  makeBundle(at, ['true'], ['sh', 'true', 'sleep']);
  execFileSync('tar', ['--owner=0', '--group=0', '-C', `${at}/rootfs`, '-cf', `${at}/layer.tar`, '.']);
  const [digest] = execFileSync('sha256sum', [`${at}/layer.tar`], { encoding: 'utf8' }).split(' ');
  const config = {
    architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
    os: 'linux',
    config: { Env: ['PATH=/bin'], Cmd: ['sh'] },
    rootfs: { type: 'layers', diff_ids: [`sha256:${digest}`] },
  };
  writeFileSync(`${at}/config.json`, JSON.stringify(config));
  writeFileSync(
    `${at}/manifest.json`,
    JSON.stringify([{ Config: 'config.json', RepoTags: [image], Layers: ['layer.tar'] }]),
  );
  execFileSync('tar', ['-C', at, '-cf', `${at}/image.tar`, 'manifest.json', 'config.json', 'layer.tar']);
  return `${at}/image.tar`;
}

function daemon(file: string, argv: readonly string[], ready: readonly string[]): void {
  const fd = openSync(join(home, `${file}.log`), 'w');
  const child = spawn(file, argv, { stdio: ['ignore', fd, fd] });
  closeSync(fd);
  daemons.push(child);
  for (let tries = 0; spawnSync(ready[0]!, ready.slice(1), { stdio: 'ignore' }).status !== 0; tries++) {
    if (tries > 200)
      throw new Error(`${file} does not come up: ${readFileSync(join(home, `${file}.log`), 'utf8')}`);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
  }
}

/** How an engine is called with a runtime: one container from start to end, and a command in one that runs. */
interface Engine {
  begin(): void;
  run(runtime: string, name: string): string[];
  /** Start one that stays, and end it. */
  stay(runtime: string, name: string): string[];
  exec(runtime: string, name: string): string[];
  remove(runtime: string, name: string): string[];
}

const podman = (runtime: string): string[] => [
  'podman',
  ...['--root', `${home}/p-root`, '--runroot', `${home}/p-run`, '--storage-driver', 'overlay'],
  ...['--cgroup-manager', 'cgroupfs', '--runtime', runtimes[runtime]!],
];
const dockerSocket = `unix://${home}/docker.sock`;
const docker = ['docker', '--host', dockerSocket];
const containerdSocket = `${home}/c.sock`;
const ctr = ['ctr', '--address', containerdSocket, '--namespace', 'ctr-bench'];
const make = ['--network', 'none', '--cgroup-parent', parent];
/** By itself podman asks for more than a root without CAP_SYS_RESOURCE may give. */
const limits = ['--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=4096:4096'];

const containerd = (): void => {
  if (daemons.length > 0) return;
  daemon(
    'containerd',
    [
      '--config',
      '/dev/null',
      '--root',
      `${home}/c-root`,
      '--state',
      `${home}/c-state`,
      '--address',
      containerdSocket,
    ],
    ['ctr', '--address', containerdSocket, 'version'],
  );
};

const engines: Record<string, Engine> = {
  podman: {
    begin: () => {
      execFileSync('podman', [...podman('runc').slice(1), 'load', '--quiet', '--input', archive()]);
    },
    run: (runtime) => [...podman(runtime), 'run', '--rm', ...limits, ...make, image, 'true'],
    stay: (runtime, name) => [
      ...podman(runtime),
      'run',
      '--detach',
      '--name',
      name,
      ...limits,
      ...make,
      image,
      'sleep',
      '100000',
    ],
    exec: (runtime, name) => [...podman(runtime), 'exec', name, 'true'],
    remove: (runtime, name) => [...podman(runtime), 'rm', '--force', '--time', '0', name],
  },
  docker: {
    begin: () => {
      containerd();
      const places = [
        '--data-root',
        `${home}/d-data`,
        '--exec-root',
        `${home}/d-exec`,
        '--pidfile',
        `${home}/d-pid`,
      ];
      const network = ['--iptables=false', '--ip6tables=false', '--bridge=none'];
      const others = Object.entries(runtimes).flatMap(([name, at]) =>
        name === 'runc' ? [] : ['--add-runtime', `${name}=${at}`],
      );
      daemon(
        'dockerd',
        [
          '--containerd',
          containerdSocket,
          '--host',
          dockerSocket,
          '--storage-driver=vfs',
          ...places,
          ...network,
          ...others,
        ],
        [...docker, 'version'],
      );
      execFileSync('docker', [...docker.slice(1), 'load', '--quiet', '--input', `${home}/image/image.tar`]);
    },
    run: (runtime) => [...docker, 'run', '--rm', '--runtime', runtime, ...make, image, 'true'],
    stay: (runtime, name) => [
      ...docker,
      ...['run', '--detach', '--name', name, '--runtime', runtime, ...make, image, 'sleep', '100000'],
    ],
    exec: (_, name) => [...docker, 'exec', name, 'true'],
    remove: (_, name) => [...docker, 'rm', '--force', name],
  },
  ctr: {
    begin: () => {
      containerd();
      execFileSync('ctr', [
        ...ctr.slice(1),
        'images',
        'import',
        '--snapshotter',
        'native',
        `${home}/image/image.tar`,
      ]);
    },
    run: (runtime, name) => [...ctr, 'run', '--rm', ...native(runtime, runtime), image, name, 'true'],
    stay: (runtime, name) => [
      ...ctr,
      'run',
      '--detach',
      ...native(`${runtime}-stays`, runtime),
      image,
      name,
      'sleep',
      '100000',
    ],
    exec: (_, name) => [...ctr, 'tasks', 'exec', '--exec-id', 'e-@@', name, 'true'],
    remove: (_, name) => [
      'sh',
      '-c',
      `"$@" tasks delete --force ${name}; "$@" containers delete ${name}`,
      'sh',
      ...ctr,
    ],
  },
};
/** Two containers never share a group: ctr-run refuses one with processes in it. */
const native = (group: string, runtime: string): string[] => [
  ...['--snapshotter', 'native', '--cgroup', `${parent}/${group}`],
  ...['--runc-binary', runtimes[runtime]!],
];

function take(name: string, engine: Engine): void {
  engine.begin();
  const taking = Object.keys(runtimes).filter((runtime) => {
    if (runtimes[runtime] === '') return false;
    const [file, ...words] = engine.run(runtime, `bench-probe-${runtime}`);
    const { status, stderr } = spawnSync(file!, words, { encoding: 'utf8' });
    if (status !== 0) process.stdout.write(`${name} with ${runtime} does not work here, left out: ${stderr}`);
    return status === 0;
  });
  if (taking.length === 0) return;
  const stays = (runtime: string): string => `bench-stays-${runtime}`;
  const each = (of: (runtime: string) => string[], verb: string, untold = false): Contender[] =>
    taking.map((runtime) => ({ name: `${name} ${verb}, ${runtime}`, argv: of(runtime), untold }));
  for (const runtime of taking) {
    const [file, ...words] = engine.stay(runtime, stays(runtime));
    execFileSync(file!, words, { stdio: 'ignore' });
  }
  try {
    const rows = measure(
      [
        ...each((runtime) => engine.run(runtime, `bench-${runtime}-@@`), 'run'),
        ...each((runtime) => engine.exec(runtime, stays(runtime)), 'exec'),
      ],
      rounds,
      2,
      home,
    );
    const aims: Aim[] = ['run', 'exec'].flatMap((verb) =>
      ['runc', 'crun'].map((peer) => ({
        ours: `${name} ${verb}, ctr-run`,
        theirs: `${name} ${verb}, ${peer}`,
        atMost: 1,
      })),
    );
    report(`engine-${name}`, 'one call', name, rows, aims);
  } finally {
    for (const runtime of taking) {
      const [file, ...words] = engine.remove(runtime, stays(runtime));
      spawnSync(file!, words, { stdio: 'ignore' });
    }
  }
}

try {
  for (const [name, engine] of Object.entries(engines)) {
    if (path(name) === '') process.stdout.write(`${name} is not installed, left out\n`);
    else take(name, engine);
  }
} finally {
  for (const child of daemons.reverse()) {
    const ended = new Promise((resolve) => child.once('close', resolve));
    child.kill('SIGTERM');
    await ended;
  }
  // What an engine mounted and left, the innermost first; and the parent of its groups.
  const below = readFileSync('/proc/self/mountinfo', 'utf8').match(new RegExp(` ${home}/\\S+`, 'g')) ?? [];
  for (const place of below.toReversed()) spawnSync('umount', ['--lazy', place.trim()]);
  spawnSync('sh', ['-c', `find /sys/fs/cgroup -depth -type d -path '*${parent}*' -exec rmdir {} +`], {
    stdio: 'ignore',
  });
  rmSync(home, { recursive: true, force: true });
}
