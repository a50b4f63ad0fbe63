/**
 * Requests like those that a launcher makes for lines that people and engines call all the time. The new
 * launcher answers them when its file is made, and so learns to which pages of its image a planner writes
 * (native/engine/make_image.c); a request that fails on the machine that builds only teaches it less.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { REQUEST_MAGIC } from '../packages/cli/src/request.ts';
import { defaultSpec } from '../packages/oci/src/index.ts';

/** Write the requests into a directory of their own, anew; their paths. */
export function writeRequests(directory: string): string[] {
  rmSync(directory, { recursive: true, force: true });
  const bundle = join(directory, 'bundle');
  mkdirSync(join(bundle, 'rootfs'), { recursive: true });
  const spec = defaultSpec();
  writeFileSync(
    join(bundle, 'config.json'),
    JSON.stringify({ ...spec, process: { ...spec.process, terminal: false } }),
  );
  const lines: [tool: string, ...argv: string[]][] = [
    ['ctr-run', 'run', '--bundle', bundle, 'build-1'],
    ['ctr-run', 'create', '--bundle', bundle, '--pid-file', join(directory, 'pid'), 'build-2'],
    ['ctr-run', 'state', 'build-3'],
    ['caps-drop', '--all', '--', 'true'],
    ['ns-enter', '--new', 'net,uts', '--', 'true'],
    ['seccomp-load', 'default', '--', 'true'],
    ['cg-limit', '--memory', '64M', '--', 'true'],
  ];
  return lines.map(([tool, ...argv], i) => {
    const path = join(directory, String(i));
    writeFileSync(path, requestOf(tool, argv, directory));
    return path;
  });
}

/** A request of this process's, with an environment of the usual size (docs/architecture.md, Request). */
function requestOf(tool: string, argv: readonly string[], cwd: string): string {
  const env = [
    'PATH=/usr/sbin:/usr/bin:/sbin:/bin',
    'HOME=/root',
    'LANG=C.UTF-8',
    'TERM=xterm',
    `PWD=${cwd}`,
  ];
  const ids = [process.getuid!(), process.geteuid!(), process.getgid!(), process.getegid!()];
  const fields = [
    REQUEST_MAGIC,
    tool,
    [process.pid, process.ppid, ...ids].join(' '),
    '22',
    '0 1 2',
    '000',
    '80 24',
    `/usr/local/bin/${tool}`,
    String(argv.length),
    ...argv,
    String(env.length),
    ...env,
    cwd,
  ];
  return fields.map((field) => `${field}\0`).join('');
}
