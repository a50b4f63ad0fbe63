/**
 * Compiled code for the planner's chunks: the planner is run in this process for typical
 * command lines, and what V8 has compiled by then is put into the chunks' files. The build
 * starts it with the Node that will run the planner; plans go to /dev/null on descriptor 4.
 */
import { mkdtempSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Chunk, chunkLoader, packChunk } from '../packages/planner/src/chunks.ts';
import { tools } from './tools.ts';

const lib = process.argv[2]!;
const scratch = mkdtempSync(join(tmpdir(), 'ctr-warm-'));

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
  ['ctr-run', 'run', '--bundle', scratch, 'ctr-warm'],
  ['ctr-run', 'create', '--bundle', scratch, 'ctr-warm'],
  ['ctr-run', 'state', 'ctr-warm'],
  ['ctr-run', 'list'],
  ...tools.map((tool) => [tool, '--help'] as const),
  ['ctr-run', 'spec', '--rootfs', 'host', '--', 'true'],
];

/** A request as the launcher writes it (docs/architecture.md, "Request"). */
function request([tool, ...argv]: readonly string[]): Buffer {
  const env = ['PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'TERM=xterm'];
  const fields = [
    'CTRREQ1',
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
  ];
  return Buffer.from(fields.map((field) => `${field}\0`).join(''));
}

const chunks = new Map<string, Chunk>();
const load = chunkLoader(lib, (chunk) => chunks.set(chunk.name, chunk));
const { main } = load('./planner.chunk') as typeof import('../packages/planner/src/main.ts');

async function warm(): Promise<void> {
  // A whole container: the default spec, as the planner itself prints it, is a bundle's.
  writeFileSync(join(scratch, 'config.json'), await defaultSpec());
  for (const line of lines) {
    const path = join(scratch, 'request');
    writeFileSync(path, request(line));
    await main(openSync(path, 'r'));
  }
  for (const { name, source, script } of chunks.values()) {
    const path = join(lib, name);
    const temporary = `${path}.${process.pid}`;
    writeFileSync(temporary, packChunk(source, script.createCachedData()));
    renameSync(temporary, path);
  }
}

async function defaultSpec(): Promise<string> {
  const { defaultSpec: make } = (await import('../packages/oci/src/index.ts')) as {
    defaultSpec?: () => unknown;
  };
  return JSON.stringify(make?.() ?? { ociVersion: '1.2.0', root: { path: 'rootfs' } });
}

await warm().finally(() => rmSync(scratch, { recursive: true, force: true }));
process.exit(0);
