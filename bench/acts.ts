/**
 * `node bench/acts.ts [ROUNDS]`, as root: every act of every tool, by the tables of their flags, and the questions
 * that all of them answer. Told are those that take over 100 ms; then the exit code is 1. An act that changes
 * something is asked for its plan, which is all but its own work. An act that nobody has given a line here is an error.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { aaConfine } from '../packages/aa-confine/src/index.ts';
import { capsDrop } from '../packages/caps-drop/src/index.ts';
import { cgLimit } from '../packages/cg-limit/src/index.ts';
import { flagsOf, type Tool } from '../packages/cli/src/index.ts';
import { imgPull } from '../packages/img-pull/src/index.ts';
import { netJoin } from '../packages/net-join/src/index.ts';
import { nsEnter } from '../packages/ns-enter/src/index.ts';
import { seccompLoad } from '../packages/seccomp-load/src/index.ts';
import { ufsMount } from '../packages/ufs-mount/src/index.ts';
import { type Contender, measure } from './measure.ts';
import { report } from './results.ts';

const MOST = 100;
const bin = join(import.meta.dirname, '../dist/bin');
const rounds = Number(process.argv[2] ?? 10);
const tools = [
  nsEnter,
  cgLimit,
  ufsMount,
  capsDrop,
  seccompLoad,
  aaConfine,
  netJoin,
  imgPull,
] as unknown as Tool[];
const at = mkdtempSync(join(tmpdir(), 'ctr-bench-'));

/** Somebody to ask about, in namespaces of its own and with a filter. */
const asked = spawn(`${bin}/ns-enter`, [
  ...['--new', 'uts,ipc', '--', 'caps-drop', '--only', 'chown', '--', 'seccomp-load', 'default', '--'],
  ...['sleep', '1000'],
]);
process.env.CTR_STORE = `${at}/store`;

/** A whole line for each act; undefined where it takes as long as somebody else does. */
function lines(pid: number, root: string): Record<string, string | undefined> {
  return {
    'ns-enter --show': '--show',
    'ns-enter --unpin': `--unpin ${at}/pins --plan`,
    'cg-limit --show': `--show=${pid}`,
    'cg-limit --watch': undefined,
    'cg-limit --update': `--update ${GROUP} --pids-limit 77 --plan`,
    'cg-limit --move': `--move ${pid} --pids-limit 77 --plan`,
    'cg-limit --freeze': `--freeze ${GROUP} --plan`,
    'cg-limit --thaw': `--thaw ${GROUP} --plan`,
    'cg-limit --kill': `--kill ${GROUP} --plan`,
    'cg-limit --remove': `--remove ${GROUP} --plan`,
    'ufs-mount --explore': `--explore ${at}/archive.tar --json`,
    'ufs-mount --unmount': `--unmount ${root} --plan`,
    'ufs-mount --diff': `--diff ${root}`,
    'ufs-mount --commit': `--commit ${root} ${at}/layer.tar --plan`,
    'ufs-mount --show': `--show ${root}`,
    'ufs-mount --which': `--which ${root}/file`,
    'ufs-mount --list': '--list',
    'ufs-mount --remove': undefined, // of a root that is not mounted
    'ufs-mount --gc': '--gc --plan',
    'ufs-mount --unpack': `--unpack ${at}/unpacked ${at}/archive.tar --plan`,
    'ufs-mount --tags': undefined, // of a layout, as `--untag` below
    'ufs-mount --untag': undefined,
    'caps-drop --show': `--show=${pid}`,
    'caps-drop --tree': '--tree',
    'caps-drop --has': '--has chown',
    'caps-drop --decode': '--decode 1ff',
    'caps-drop --show-capability': '--show-capability chown',
    'caps-drop --learn': undefined,
    'caps-drop --why': undefined,
    'caps-drop --files': `--files ${at}/tree`,
    'caps-drop --set-file': `--set-file net_raw ${at}/tree/file --plan`,
    'caps-drop --clear-file': `--clear-file ${at}/tree/file --plan`,
    'seccomp-load --raw': `--raw ${at}/raw default --plan`,
    'seccomp-load --test': '--test ptrace default',
    'seccomp-load --explain': '--explain default',
    'seccomp-load --dump': '--dump default',
    'seccomp-load --diff': '--diff default default',
    'seccomp-load --merge': '--merge default default',
    'seccomp-load --show': `--show=${pid}`,
    'seccomp-load --learn': undefined,
    'seccomp-load --why': undefined,
    'seccomp-load --notify': undefined,
    'aa-confine --load': undefined, // apparmor_parser(8)'s time
    'aa-confine --replace': undefined,
    'aa-confine --unload': undefined,
    'aa-confine --render': '--render',
    'aa-confine --show': `--show=${pid}`,
    'aa-confine --list': '--list',
    'net-join --show': '--show',
    'net-join --gc': '--gc --plan',
    'net-join --target': undefined, // the plugins' time
    'net-join --leave': undefined,
    'net-join --hook': undefined,
    'img-pull --list': '--list',
    'img-pull --tree': '--tree',
    'img-pull --remove': undefined, // an image to be pulled first: bench/pull.ts
    'img-pull --push': undefined,
    'img-pull --referrers': undefined, // a registry's time
  };
}

const GROUP = `/ctr-bench-acts-${process.pid}`;
const run = (tool: string, ...words: string[]): string =>
  execFileSync(`${bin}/${tool}`, words, { encoding: 'utf8' }).trim();
/** Whether it can be asked on this machine at all. */
const able = ({ argv }: Contender): boolean => spawnSync(argv[0]!, argv.slice(1)).status === 0;

/** As soon as the filter is loaded: ns-enter becomes the command. */
async function ready(pid: number): Promise<void> {
  for (let i = 0; i < 200; i++) {
    if (readFileSync(`/proc/${pid}/comm`, 'utf8') === 'sleep\n') return;
    await setTimeout(50);
  }
  throw new Error('the process to ask about does not run');
}

let root: string | undefined;
try {
  await ready(asked.pid!);
  mkdirSync(`${at}/tree`);
  writeFileSync(`${at}/tree/file`, 'x');
  run('ns-enter', '--new', 'net', '--pin', `${at}/pins`, '--', 'true');
  run('cg-limit', '--manager', 'files', '--cgroup', GROUP, '--pids-limit', '50', '--keep', '--', 'true');
  execFileSync('tar', ['-C', `${at}/tree`, '-cf', `${at}/archive.tar`, 'file']);
  root = run('ufs-mount', `${at}/archive.tar`);
  const known = lines(asked.pid!, root);
  const missing = tools
    .flatMap((tool) =>
      flagsOf(tool).flatMap((flag) => (flag.act ? [`${tool.meta.name} --${flag.name}`] : [])),
    )
    .filter((act) => !Object.hasOwn(known, act));
  if (missing.length > 0) throw new Error(`no line here for ${missing.join(', ')}`);
  const all = [
    ...tools.flatMap(({ meta: { name } }) => [
      { name: `${name} --help`, argv: [`${bin}/${name}`, '--help'] },
      { name: `${name} --complete`, argv: [`${bin}/${name}`, '--complete', '--', '--'] },
    ]),
    ...['list', 'features', 'doctor', 'spec --plan'].map((words) => ({
      name: `ctr-run ${words}`,
      argv: `${bin}/ctr-run ${words}`.split(' '),
    })),
    ...Object.entries(known).flatMap(([name, line]) =>
      line === undefined ? [] : [{ name, argv: [`${bin}/${name.split(' ')[0]}`, ...line.split(' ')] }],
    ),
  ].map(
    ({ name, argv }): Contender => ({ name, argv: ['sh', '-c', 'exec "$@" >/dev/null 2>&1', 'sh', ...argv] }),
  );
  const left = all.filter((contender) => !able(contender));
  for (const { name } of left) process.stdout.write(`${name} is left out: it fails here\n`);
  const rows = measure(
    all.filter((contender) => !left.includes(contender)),
    rounds,
    1,
    at,
  );
  rows.sort((a, b) => b.median - a.median);
  report('acts', 'an act, start to end', '', rows, []);
  const slow = rows.filter(({ median }) => median > MOST);
  process.stdout.write(`${slow.length} of ${rows.length} take over ${MOST} ms\n`);
  if (slow.length > 0) process.exitCode = 1;
} finally {
  asked.kill('SIGKILL');
  if (root !== undefined) run('ufs-mount', '--unmount', root);
  for (const [tool, words] of [
    ['ns-enter', ['--unpin', `${at}/pins`]],
    ['cg-limit', ['--remove', GROUP]],
  ] as const)
    spawnSync(`${bin}/${tool}`, words);
  rmSync(at, { recursive: true, force: true });
}
