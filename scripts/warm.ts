/**
 * Compiled code for the planner's chunks: the planner is run in this process for typical
 * command lines, and what V8 has compiled by then is put into the chunks' files. The build
 * starts it with the Node that will run the planner; plans go to /dev/null on descriptor 4.
 */
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Chunk, chunkLoader, firstChunk, packChunk } from '../packages/planner/src/chunks.ts';
import { hotChunkFor } from '../packages/planner/src/hot.ts';
import { tools } from './tools.ts';

const lib = process.argv[2]!;
const scratch = mkdtempSync(join(tmpdir(), 'ctr-warm-'));

/** Engines name the state root, and a log. */
const ctrRun = (command: string, ...words: string[]) =>
  [
    'ctr-run',
    ...['--root', join(scratch, 'states'), '--log', join(scratch, 'log'), '--log-format', 'json'],
    command,
    ...words,
  ] as const;

/** Lines that go through what most lines go through. What fails on this machine warms what it reached. */
const lines: readonly (readonly [tool: (typeof tools)[number], ...argv: string[]])[] = [
  ['ns-enter', '--new', 'net,uts,pid', '--hostname', 'box', '--', 'true'],
  ['ns-enter', '--target', '1', '--mount', '--net', '--', 'true'],
  ['cg-limit', '--memory', '64M', '--', 'caps-drop', '--all', '--', 'seccomp-load', 'default', '--', 'true'],
  ['cg-limit', '--pids-limit', '9', '--keep', '--', 'true'],
  ['caps-drop', '--only', 'net_bind_service', 'true'],
  ['seccomp-load', 'default', '--', 'true'],
  ['aa-confine', 'unconfined', 'true'],
  ['ufs-mount', 'host', '--temp', '--', 'true'],
  ['ctr-run', 'run', '--rootfs', 'host', '--', 'true'],
  ...['run', 'create'].flatMap((command) =>
    ['plain', 'filtered'].map((bundle) => ctrRun(command, '--bundle', join(scratch, bundle), 'warm')),
  ),
  ...['state', 'start'].map((command) => ctrRun(command, 'created')),
  ...['state', 'kill'].map((command) => ctrRun(command, 'running')),
  ctrRun('delete', '--force', 'running'),
  ctrRun('exec', 'running', 'true'),
  ...['state', 'delete'].map((command) => ctrRun(command, 'stopped')),
  ['ctr-run', 'list'],
  ...tools.map((tool) => [tool, '--help'] as const),
  ['ctr-run', 'spec', '--rootfs', 'host', '--', 'true'],
];

/** A request as the launcher writes it (docs/architecture.md, "Request"). */
function request([tool, ...argv]: readonly string[]): Buffer {
  const env = ['PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'TERM=xterm'];
  const fields = [
    'CTRREQ2',
    tool!,
    `${process.pid} ${process.ppid} 0 0 0 0`,
    '022',
    '0 1 2',
    '000',
    '80 24',
    join(lib, '../bin', tool!),
    String(argv.length),
    ...argv,
    String(env.length),
    ...env,
    process.cwd(),
  ];
  return Buffer.from(fields.map((field) => `${field}\0`).join(''));
}

/** Each chunk once, by whichever line it was loaded. */
const chunks = new Map<string, Chunk>();
const planners = new Map<string, typeof import('../packages/planner/src/main.ts')>();

/** The planner as it starts for such a request: from the chunk that its boot chooses. */
function plannerFor(asked: Buffer): typeof import('../packages/planner/src/main.ts') {
  const hot = hotChunkFor(asked.toString('latin1'));
  const name = hot ? `${hot}.chunk` : firstChunk;
  const known = planners.get(name);
  if (known) return known;
  const load = chunkLoader(lib, (chunk) => chunks.set(chunk.name, chunk));
  const planner = load(`./${name}`) as typeof import('../packages/planner/src/main.ts');
  planners.set(name, planner);
  return planner;
}

async function warm(): Promise<void> {
  await makeBundles();
  makeStates();
  for (const line of lines) {
    const path = join(scratch, 'request');
    const asked = request(line);
    writeFileSync(path, asked);
    await plannerFor(asked).main(openSync(path, 'r'));
  }
  for (const { name, source, script } of chunks.values()) {
    const path = join(lib, name);
    const temporary = `${path}.${process.pid}`;
    writeFileSync(temporary, packChunk(source, script.createCachedData()));
    renameSync(temporary, path);
  }
}

/** Whole containers: the default spec, as the planner itself prints it, with a filter and without. */
async function makeBundles(): Promise<void> {
  const { defaultSpec } = await import('../packages/oci/src/index.ts');
  const plain = defaultSpec();
  // Without a socket for it, a terminal is refused where nobody stays.
  if (plain.process) plain.process.terminal = false;
  // As long as those of engines and with all that they have, or what compiles it is not compiled itself.
  const { defaultProfile } = await import('../packages/seccomp-load/src/default-profile.ts');
  const { select } = await import('../packages/seccomp-load/src/profile/select.ts');
  const { nativeAbi } = await import('../packages/seccomp-load/src/abi.ts');
  const seccomp = select(defaultProfile(), { abi: nativeAbi()!, kernel: release(), caps: new Set() });
  for (const [name, spec] of Object.entries({
    plain,
    filtered: { ...plain, linux: { ...plain.linux, seccomp } },
  })) {
    mkdirSync(join(scratch, name, 'rootfs'), { recursive: true });
    writeFileSync(join(scratch, name, 'config.json'), JSON.stringify(spec));
  }
}

/** Containers in each state; those that live are this process. Plans about them are never carried out. */
function makeStates(): void {
  const stat = readFileSync('/proc/self/stat', 'latin1');
  const startTime = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
  for (const [id, pid] of Object.entries({
    created: process.pid,
    running: process.pid,
    stopped: undefined,
  })) {
    const directory = join(scratch, 'states', id);
    const bundle = join(scratch, 'plain');
    const cgroup = {
      paths: { freezer: '/sys/fs/cgroup/freezer/ctr-warm', unified: '/sys/fs/cgroup/ctr-warm' },
    };
    const state = {
      ociVersion: '1.3.0',
      id,
      status: 'running',
      pid,
      startTime,
      bundle,
      created: '',
      owner: 0,
      cgroup,
    };
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, 'state.json'), JSON.stringify(state));
    copyFileSync(join(bundle, 'config.json'), join(directory, 'config.json'));
  }
  writeFileSync(join(scratch, 'states/created/start.fifo'), '');
}

await warm().finally(() => rmSync(scratch, { recursive: true, force: true }));
process.exit(0);
