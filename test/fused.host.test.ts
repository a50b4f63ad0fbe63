/**
 * Every pair of tools as one chain, fused into one plan and launched one by one: the command finds the
 * same. What each operation changes is said in its row (packages/plan/src/ops.ts), and by that alone a
 * chain is fused or not; an effect that is missing there makes a difference here.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bin, type Ended, run, runTool, skip, tempDir, toolEnv, top } from './support.ts';

const tools = ['ns-enter', 'cg-limit', 'ufs-mount', 'caps-drop', 'seccomp-load', 'aa-confine'] as const;
type ToolName = (typeof tools)[number];

const base = tempDir('fused');
/** Where the caller is, and where the target: `./p.json` is in the first alone. */
const [here, there] = [join(base, 'here'), join(base, 'there')];
mkdirSync(here);
mkdirSync(there);
const profile = {
  defaultAction: 'SCMP_ACT_ALLOW',
  syscalls: [{ names: ['sethostname'], action: 'SCMP_ACT_ERRNO' }],
};
writeFileSync(join(here, 'p.json'), JSON.stringify(profile));

/** A process in other namespaces, another directory and another group, with a variable of its own. */
let target: ChildProcess;
let pid: string;
beforeAll(async () => {
  const line = `cd ${there} && hostname fused-target; FUSED=1 exec sh -c 'echo $$; exec sleep 1000'`;
  const words = ['--pids-limit', '50', '--', 'unshare', '--uts', '--net', '--mount', 'sh', '-c', line];
  target = spawn(join(bin, 'cg-limit'), words, { env: toolEnv(), stdio: ['ignore', 'pipe', 'inherit'] });
  pid = await new Promise<string>((resolve, reject) => {
    target.once('error', reject);
    target.once('close', (code) => reject(new Error(`the target ended with ${code}`)));
    target.stdout!.once('data', (data: Buffer) => resolve(data.toString().trim()));
  });
  for (const kind of kinds) {
    whose.set(readlinkSync(`/proc/${pid}/ns/${kind}`), "the target's");
    whose.set(readlinkSync(`/proc/self/ns/${kind}`), "the caller's");
  }
}, 60_000);
afterAll(async () => {
  const ended = new Promise((resolve) => target.once('close', resolve));
  target.kill('SIGTERM');
  await ended;
});

/** Command lines of each tool, TARGET for the process above. What the first changes, the second may decide by. */
const first: Record<ToolName, readonly string[]> = {
  'ns-enter': [
    '--new uts --hostname box',
    '--new mount',
    '--new mount,pid --mount-proc',
    `--new mount --mount-proc=${there}`,
    '--new cgroup',
    '--new time --boottime 100',
    '--map-root-user',
    '--new user --keep-caps',
    '--target TARGET --wd --uts',
    '--target TARGET --all',
    '--target TARGET --env --uts',
    '--target TARGET --net --join-cgroup',
    '--wdns / --new uts',
    `--wd=${there} --new uts`,
    '--root=/ --new uts',
    '--clear-env --new uts',
    '--setuid 65534 --new uts',
    '--setgid 65534 --new uts',
    '--keep-caps --new uts',
    '--fork --new net',
  ],
  'cg-limit': ['--memory 64M', '--pids-limit 60'],
  'ufs-mount': ['host --temp'],
  'caps-drop': [
    '--all',
    '--drop sys_admin',
    '--no-new-privs',
    '--only chown --no-new-privs',
    '--effective none',
    '--permitted chown --effective none',
    '--inheritable chown,kill',
    '--bounding -sys_admin',
    '--ambient chown',
    '--securebits noroot',
    '--user 65534',
    '--groups none',
  ],
  'seccomp-load': ['default', './p.json'],
  'aa-confine': ['--profile unconfined'],
};
const second: Record<ToolName, readonly string[]> = {
  'ns-enter': ['--new uts --hostname inner', '--target TARGET --uts'],
  'cg-limit': ['--memory 48M'],
  'ufs-mount': ['host --temp'],
  'caps-drop': ['--drop sys_boot', '--all'],
  'seccomp-load': ['default', './p.json'],
  'aa-confine': ['--profile unconfined'],
};

const kinds = ['mnt', 'uts', 'ipc', 'net', 'pid', 'pid_for_children', 'user', 'cgroup', 'time'];
const whose = new Map<string, string>();

/** What a command sees of itself, less what differs from run to run. */
const look = [
  'grep -E "^(Umask|Uid|Gid|FDSize|Groups|Cap|NoNewPrivs|Seccomp|Sig(Blk|Ign|Cgt)|ShdPnd)" /proc/self/status',
  'echo "cwd $(readlink /proc/self/cwd)"',
  'echo "root $(readlink /proc/self/root) $(stat -c %i /)"',
  `for kind in ${kinds.join(' ')}; do echo "$kind $(readlink /proc/self/ns/$kind)"; done`,
  'cat /proc/self/cgroup /proc/sys/kernel/hostname /proc/self/limits',
  'for fd in 0 1 2 3 4 5 6 7 8 9; do [ ! -e /proc/self/fd/$fd ] || echo "fd $fd"; done',
  'tr "\\0" "\\n" </proc/self/environ | grep -v "^_=" | LC_ALL=C sort',
  'umask; exit 3',
].join('; ');

/** The same for every run: namespaces by whose they are, groups and roots by no number, and no tool's name. */
const comparable = ({ status, signal, stdout, stderr }: Ended) => ({
  status,
  signal,
  stderr: plain(
    stderr.replace(new RegExp(`^(${tools.join('|')}): `, 'gm'), '').replaceAll(`${bin}/`, ''),
  ).replace(
    // Who loaded the filter itself knows that it is under one.
    ': under the seccomp filter: ',
    ': ',
  ),
  stdout: plain(stdout).split('\n'),
});
const plain = (text: string): string =>
  text
    .replace(/\w+:\[\d+\]/g, (link) => whose.get(link) ?? 'a new one')
    .replace(/ctr-limit-\d+/g, 'ctr-limit-PID')
    .replace(/roots\/run-\w+/g, 'roots/run');

const wordsOf = (line: string): string[] => line.replace('TARGET', pid).split(' ');
const env = (): Record<string, string> => toolEnv({ CTR_STORE: join(base, 'store') });

function runs(tool: string, words: readonly string[], next: string, more: readonly string[]): Ended {
  const line = [...words, '--', next, ...more, '--', '/bin/sh', '-c', look];
  return runTool(tool, line, { cwd: here, env: env() });
}

describe.each(tools)('%s before', (outer) => {
  test.for(tools)('%s', (inner, context) => {
    // A tool is found inside a root only if it is part of it.
    if (outer === 'ufs-mount' && statSync(bin).dev !== statSync('/').dev)
      skip(context, 'the built tools are not on the root file system');
    for (const one of first[outer])
      for (const two of second[inner]) {
        const [words, more] = [wordsOf(one), wordsOf(two)];
        const fused = comparable(runs(outer, words, inner, more));
        const apart = comparable(runs(outer, words, join(bin, inner), more));
        expect(fused, `${outer} ${one} -- ${inner} ${two}`).toEqual(apart);
      }
  });
});

test.for([
  ['ns-enter --new uts', true],
  ['ns-enter --new mount,pid --mount-proc', true],
  ['ns-enter --target TARGET --env --uts', true],
  ['ns-enter --target TARGET --wd --uts', false],
  ['cg-limit --memory 64M', true],
  ['caps-drop --all', true],
  ['caps-drop --securebits noroot', false],
  ['seccomp-load default', true],
  ['aa-confine --profile unconfined', true],
] as const)('%s goes into one plan with a filter by name: %s', ([line, fused]) => {
  const [tool, ...words] = wordsOf(line);
  const plan = runTool(tool!, ['--plan', ...words, '--', 'seccomp-load', 'default', '--', 'true'], {
    env: env(),
  });
  expect(plan).toMatchObject({ status: 0 });
  expect(plan.stdout.includes('exec file=true')).toBe(fused);
});

describe('an effect that a row does not name', () => {
  /** Through a plan that is made with an operation's effects taken out. */
  function without(operation: string, line: readonly string[]): Ended {
    const file = join(base, `${operation}.plan`);
    const script = join(top, 'test/plan-without.ts');
    const made = run(process.execPath, [script, operation, file, ...line], { cwd: here, env: env() });
    expect(made).toMatchObject({ status: 0 });
    return runTool('ctr-launcher', ['--plan', file], { cwd: here, env: env() });
  }

  test("has the profile of the caller's directory loaded, and not that of the directory entered", () => {
    const line = (tool: string): string[] => [
      'ns-enter',
      ...wordsOf('--target TARGET --wd --uts'),
      '--',
      tool,
      './p.json',
      '--',
      'pwd',
    ];
    const apart = runTool('ns-enter', line(join(bin, 'seccomp-load')).slice(1), { cwd: here });
    expect(apart).toMatchObject({ status: 125, stdout: '' });
    expect(apart.stderr).toContain('read ./p.json: there is no such file');
    expect(without('chdir', line('seccomp-load'))).toMatchObject({ status: 0, stdout: `${there}\n` });
    expect(without('-', line('seccomp-load'))).toEqual(apart);
  });

  test('has namespaces made with capabilities that the launch of a tool would have taken away', () => {
    const line = (tool: string): string[] => [
      'caps-drop',
      '--securebits',
      'noroot',
      '--',
      tool,
      '--new',
      'uts',
      '--',
      'true',
    ];
    const apart = runTool('caps-drop', line(join(bin, 'ns-enter')).slice(1));
    expect(apart).toMatchObject({ status: 125 });
    expect(apart.stderr).toContain('Operation not permitted');
    expect(without('securebits', line('ns-enter'))).toMatchObject({ status: 0 });
    expect(without('-', line('ns-enter'))).toEqual(apart);
  });
});
