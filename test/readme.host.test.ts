/**
 * Each block of commands in README.md is run here as it stands there, in a directory with what it names, or is held by
 * the test that is named for it. A block that is new there fails until it has its place here.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { layout, tar } from '../packages/ufs-mount/test/archives.ts';
import {
  type Ended,
  isRoot,
  lacking,
  needs,
  run,
  runTool,
  tempDir,
  toolEnv,
  toolPath,
  top,
} from './support.ts';

const readme = readFileSync(join(top, 'README.md'), 'utf8').split('\n');

/** Lines that are indented by four and stand together, with those that a backslash continues made one. */
const blocks = readme
  .map((line, i) => ({ line, begins: line.startsWith('    ') && !readme[i - 1]?.startsWith('    '), i }))
  .filter(({ begins }) => begins)
  .map(({ i }) => {
    const end = readme.findIndex((line, at) => at > i && !line.startsWith('    '));
    return readme
      .slice(i, end)
      .map((line) => line.slice(4))
      .join('\n')
      .replace(/\\\n */g, '')
      .split('\n');
  });

/** What a line does, or where that is tested. */
type Held = { run: (line: string) => void } | { by: string };

const work = tempDir('readme');
const store = join(work, 'store');
const id = `ctr-test-readme-${process.pid}`;
let pid = '';

const env = () => ({
  ...toolEnv(),
  PATH: `${toolPath('.')}${delimiter}${process.env.PATH}`,
  CTR_STORE: store,
  PID: pid,
  root: join(work, 'root'),
});
const shell = (line: string, input?: string): Ended =>
  run('sh', ['-c', line], { cwd: work, env: env(), ...(input !== undefined && { input }) });
const says = (expected: RegExp, change: (line: string) => string = (line) => line, input?: string): Held => ({
  run: (line) => {
    const { stdout, stderr } = shell(change(line), input);
    expect(stdout + stderr).toMatch(expected);
  },
});

const held: readonly [begin: string, how: Held][] = [
  ['./try', { by: '.ci/run' }],
  ['./check', { by: '.ci/run' }],
  ['cg-limit --memory 64M -- caps-drop --all', says(/^CapEff:\t0{16}\nSeccomp:\t2\n/m)],
  ['ns-enter --target "$PID" --mount --uts', says(/^\d{1,2}\n/m, (line) => line, 'echo $$; exit\n')],
  ['root=$(ufs-mount oci:./alpine:3)', { by: 'test/into-a-root.host.test.ts' }],
  ['ctr-run spec --rootfs host', says(/^uid=0\(root\)/m)],
  ['$ ns-enter --plan', { run: () => expect(plan()).toBe(planned()) }],
  ...Array.from({ length: 6 }, (_, i): [string, Held] => [
    `${i}  self `,
    { run: () => expect(plan()).toBe(planned()) },
  ]),
  ['ctr-run doctor', says(/^root can make containers here/m)],
  ['ctr-run top --all', says(/^\d+ containers? by cpu\nCONTAINER +MAKER/)],
  ['ctr-run inspect "$PID"', says(/^NAMESPACES[\s\S]*^WEIGHT/m)],
  ['ctr-run run --why', says(/mount\("none"[\s\S]*to allow it: /)],
  ['ns-enter --target "$PID" --net --pid', says(/^ +1 .*sleep 900/m)],
  ['ctr-run run --image docker.io/', { by: 'packages/img-pull/test/pull.host.test.ts' }],
  [
    'ctr-run run --image',
    says(/^of the image\n/m, (line) => line.replace(/-- sh.*/, '-- /bin/busybox cat /file')),
  ],
  [
    'ln -s "$(command -v ns-enter)"',
    says(/^nsenter of ns-enter/m, (line) => `${line.replace(/ #.*/, '')}; ./nsenter --version`),
  ],
  [
    'cp dist/bin/ctr-run',
    says(/^ctr-run version/m, () => `cp ${toolPath('ctr-run')} ./runc && ./runc --version`),
  ],
  ['net-join -p 8080:80', { by: 'packages/net-join/test/net-join.host.test.ts' }],
  ['. dist/share/bash-completion', { by: 'test/completions.host.test.ts' }],
  ['fpath=', { by: 'test/completions.host.test.ts' }],
  ['for f in dist/share/fish', { by: 'test/completions.host.test.ts' }],
];

/** The block of the plan, without its line of input; and what is printed for it. */
const planned = (): string =>
  `${blocks
    .find(([first]) => first!.startsWith('$ ns-enter --plan'))!
    .slice(1)
    .join('\n')}\n`;
const plan = (): string => {
  const [first] = blocks.find(([line]) => line!.startsWith('$ ns-enter --plan'))!;
  // Descriptors of whoever runs the tests stay open for the command.
  return shell(first!.slice(2)).stdout.replace(/(close_others keep=\[)[\d ]+/, '$1');
};

beforeAll(() => {
  if (!isRoot || lacking('command:busybox') !== undefined) return;
  const server = '#!/bin/sh\ngrep -E "CapEff|Seccomp:" /proc/self/status\n';
  writeFileSync(join(work, 'server'), server, { mode: 0o755 });
  const busybox = readFileSync(['/bin/busybox', '/usr/bin/busybox'].find((path) => existsSync(path))!);
  const layer = tar([
    { name: 'bin/', type: '5' },
    { name: 'bin/busybox', data: busybox, mode: 0o755 },
    { name: 'file', data: 'of the image\n' },
  ]);
  layout([layer], { directory: join(work, 'alpine') });
  mkdirSync(join(work, 'root'));
  const made = shell(`ctr-run run --detach --rootfs host --id ${id} -- sleep 900 </dev/null >out 2>&1`);
  if (made.status !== 0) throw new Error(readFileSync(join(work, 'out'), 'utf8'));
  pid = String((JSON.parse(runTool('ctr-run', ['state', id]).stdout) as { pid: number }).pid);
});
afterAll(() => {
  if (pid !== '') runTool('ctr-run', ['delete', '--force', id]);
});

test('every line has its place here, and every place its line', () => {
  const lines = blocks.flat();
  const homeless = lines.filter((line) => !held.some(([begin]) => line.startsWith(begin)));
  expect(homeless).toEqual([]);
  expect(held.filter(([begin]) => !lines.some((line) => line.startsWith(begin)))).toEqual([]);
  for (const [, how] of held) if ('by' in how) expect(existsSync(join(top, how.by)), how.by).toBe(true);
});

describe('a line of README does what it is there for', () => {
  const lines = blocks.flat().flatMap((line) => {
    const how = held.find(([begin]) => line.startsWith(begin))?.[1];
    return how && 'run' in how && !/^\d {2}self/.test(line) ? [[line, how.run] as const] : [];
  });
  test.for(lines)('%s', ([line, does], context) => {
    needs(context, 'root', 'command:busybox');
    does(line);
  });
});
