/** docs/from-docker.md, line by line; and that no flag of docker-run(1) is a bare "unknown flag". */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { needs, run, runShell, runTool, tempDir, toolEnv, top } from '../../../test/support.ts';
import { busyboxEntries, layout, tar } from '../../ufs-mount/test/archives.ts';
import { file, link } from '../../ufs-mount/test/layers.ts';

const page = readFileSync(join(top, 'docs/from-docker.md'), 'utf8');
const lines = page
  .split('\n')
  .filter((line) => line.startsWith('    '))
  .map((line) => line.trim());
const ours = lines.filter((line) => line.startsWith('ctr-run'));

let at = '';
beforeAll(() => {
  at = tempDir('docker');
  layout(
    [
      tar([
        ...busyboxEntries(),
        ...['echo', 'hostname', 'df', 'grep', 'touch', 'true', 'sleep', 'readlink'].map((name) =>
          link(`bin/${name}`, 'busybox'),
        ),
        file('etc/passwd', 'root:x:0:0::/:/bin/sh\nmail:x:8:12::/:/bin/sh\n'),
        file('etc/group', 'mail:x:12:\npost:x:44:mail\n'),
      ]),
    ],
    {
      directory: join(at, 'app'),
      tag: 'latest',
      config: {
        Entrypoint: [],
        Cmd: ['echo', 'from the image'],
        Env: ['PATH=/bin'],
        ExposedPorts: { '80/tcp': {} },
      },
    },
  );
  mkdirSync(join(at, 'data'));
  writeFileSync(join(at, 'data/file'), 'yours\n');
  writeFileSync(join(at, 'vars'), '# a file\nB=2\nUNSET_HERE\n');
});

const ports =
  /^ctr-run: warning: the image exposes 80\/tcp, which nothing outside reaches; -p HOST:PORT publishes one, --network host shares .*\n$/;
/** What is left in the background holds no pipe of the test's. */
const typed = (line: string) =>
  runShell(/ run -d /.test(line) ? `(${line}) >out 2>err; s=$?; cat out; cat err >&2; exit $s` : line, {
    cwd: at,
    env: toolEnv({ CTR_STORE: join(at, 'store'), HOME: '/home/me' }),
  });

/** What each line of the page prints, by a word in it. */
const prints: readonly (readonly [has: string, stdout: string | RegExp, status?: number])[] = [
  ['echo hello', 'hello\n'],
  ['run --image oci:app', 'from the image\n'],
  ['run -it', /^$/],
  ['--env-file', /^PATH=\/bin\nTERM=xterm\nB=2\nA=1\nHOME=\/home\/me\n$/],
  ['-u mail', 'uid=8(mail) gid=12(mail) groups=44(post)\n'],
  ['-h box', '/tmp\nbox\n'],
  ['-v ./data', 'yours\n'],
  ['--mount', 'yours\n'],
  ['--tmpfs', /tmpfs +1024 .*\/scratch\n.* 8192 .*\/dev\/shm\n$/],
  ['--read-only', '', 1],
  ['-m 64m', ''],
  ['--ulimit', '64\n500\n'],
  ['--cap-drop', 'CapEff:\t0000000000000400\n'],
  ['seccomp=unconfined', 'Seccomp:\t0\n'],
  ['--device', '/dev/filled\n'],
  ['--sysctl', '1\n'],
  ['--network host', ''],
  ['--entrypoint', 'instead\n'],
  ['run -d', /^$/],
  ['exec web', 'web\n'],
  ['ctr-run list', /^web +\d+ +running/m],
  ['delete', ''],
  ['spec --image', ''],
];

describe('docs/from-docker.md', () => {
  test('each line of docker’s has ours below it, and each of ours is tried here', () => {
    const theirs = lines.filter((line) => line.startsWith('docker'));
    expect(theirs.length).toBeGreaterThanOrEqual(20);
    expect(lines).toEqual(theirs.flatMap((line, i) => [line, ours[i]]));
    expect(ours.length).toBe(prints.length);
  });

  test.each(prints.map(([has, ...rest], i) => [ours[i]!, has, ...rest] as const))(
    '%s',
    (line, has, stdout, status = 0) => {
      expect(line).toContain(has);
      // A terminal that nobody types at: `sh` ends at once.
      const ended = typed(has === 'run -it' ? line.replace('-it', '-i') : line);
      expect(ended.stdout).toMatch(
        typeof stdout === 'string' ? new RegExp(`^${stdout.replace(/[()]/g, '\\$&')}$`) : stdout,
      );
      expect(ended.status).toBe(status);
      const own = / run .*--image/.test(line) && !line.includes('--network host');
      if (status === 0) expect(ended.stderr).toMatch(own ? ports : /^$/);
    },
  );

  test('the bundle that spec made of an image runs under runc', (context) => {
    needs(context, 'root', 'command:runc');
    const bundle = join(at, 'bundle');
    const again = typed('ctr-run spec --image oci:app --bundle ./bundle true');
    expect(again).toMatchObject({
      status: 125,
      stderr: expect.stringContaining('is there already, and is not overwritten'),
    });
    expect(run('runc', ['run', '--bundle', bundle, `ctr-test-docker-${process.pid}`])).toMatchObject({
      status: 0,
    });
    expect(runTool('ctr-run', ['run', '--bundle', bundle, `ctr-test-docker-${process.pid}`])).toMatchObject({
      status: 0,
    });
  });
});

test('no flag of docker run is a bare "unknown flag"', (context) => {
  needs(context, 'root', 'command:docker');
  const help = spawnSync('docker', ['run', '--help'], {
    encoding: 'utf8',
    env: { ...process.env, COLUMNS: '200' },
  }).stdout;
  const flags = [...help.matchAll(/^ +(?:-(\w), )?--([a-z0-9-]+)( [a-z0-9-]+)? {2}/gm)];
  expect(flags.length).toBeGreaterThan(90);
  const said = flags.flatMap(([, letter, name, value]) => {
    const spelled = [`--${name}`, ...(letter ? [`-${letter}`] : [])];
    return spelled.map((flag) => {
      const words =
        name === 'help' ? [flag] : [flag, ...(value ? ['1'] : []), '--rootfs', '/no/such/root', '--', 'true'];
      const { stderr, status } = runTool('ctr-run', ['run', ...words]);
      return { flag, status: name === 'help' ? 125 : status, stderr };
    });
  });
  expect(
    said.filter(({ stderr, status }) => status !== 125 || /unknown|bug in|needs a value/.test(stderr)),
  ).toEqual([]);
});

describe('what cannot be meant', () => {
  const refused = (...argv: string[]) => {
    const { status, stdout, stderr } = runTool('ctr-run', ['run', ...argv]);
    expect([status, stdout]).toEqual([125, '']);
    return stderr;
  };
  test('all flags without a meaning are named at once, each with what to write instead', () => {
    expect(
      refused('--ip', '10.0.0.9', '--rootfs', 'host', '--restart', 'always', '--privileged', '--', 'true'),
    ).toMatch(
      /^ctr-run: --ip: .*--network FILE.*\nctr-run: --restart: .*systemd unit.*\nctr-run: --privileged: .*--cap-add.*\n$/,
    );
  });
  test('unknown flags that stand together are named together', () => {
    expect(refused('--rootfs', 'host', '--colour', '--shape=round', '--', 'true')).toBe(
      'ctr-run: unknown flags --colour, --shape\n',
    );
  });
  test.each([
    [['--network', 'no-such'], '--network no-such: no list in /etc/cni/net.d has that name'],
    [['--pid', 'shared'], '--pid shared: it is host or private here'],
    [['--userns', 'keep-id'], '--userns keep-id: it is host here'],
    [['--security-opt', 'mask=/x'], '--security-opt mask=/x: it is seccomp=PROFILE'],
    [['--device', '/dev/none-such'], 'there is no /dev/none-such'],
    [['--device', '/etc'], '/etc is not a device'],
    [['--device', 'sda'], 'write /dev/NAME[:/dev/NAME][:rwm]'],
    [['--oom-score-adj', '1001'], 'give a number from -1000 to 1000'],
    [['--env-file', '/no/such'], '--env-file /no/such: '],
    [['--user', 'nobody-such'], '--user is "nobody-such", but the root\'s /etc/passwd has no such user'],
    [['--group-add', 'none-such'], "the root's /etc/group has no such group"],
    [['--shm-size', 'big'], '"big" is not a value for --shm-size'],
  ])('%j', (argv, words) => {
    expect(refused(...argv, '--rootfs', '/', '--', 'true')).toContain(words);
  });
  test('a person’s flag beside a bundle, or a spec on stdin, is not lost in silence', () => {
    const beside = runTool('ctr-run', ['run', '--memory', '64M', '--bundle', '/no/such', 'x']);
    expect(beside).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('--memory has no place beside a bundle'),
    });
    const piped = runTool('ctr-run', ['run', '--env', 'A=1', '-'], { input: '{}' });
    expect(piped).toMatchObject({
      status: 125,
      stderr: expect.stringContaining('--env has no place beside a spec on stdin'),
    });
  });
});

test('another container’s namespaces are joined, by its ID', (context) => {
  needs(context, 'root');
  const id = `ctr-test-docker-${process.pid}`;
  expect(typed(`ctr-run run -d --id ${id} --image oci:app sleep 1000`).status).toBe(0);
  const { pid } = JSON.parse(typed(`ctr-run state ${id}`).stdout) as { pid: number };
  const kinds = ['net', 'ipc', 'pid'];
  const own = kinds.map((kind) => runShell(`readlink /proc/${pid}/ns/${kind}`).stdout);
  const joined = typed(
    `ctr-run run --network container:${id} --ipc container:${id} --pid container:${id} --image oci:app sh -c 'for k in ${kinds.join(' ')}; do readlink /proc/self/ns/$k; done'`,
  );
  expect(typed(`ctr-run delete --force ${id}`).status).toBe(0);
  expect(joined.stdout).toBe(own.join(''));
});

test('the ID that spec was given is that of the container at the end of the pipe', (context) => {
  needs(context, 'root');
  const id = `ctr-test-docker-id-${process.pid}`;
  const ended = typed(
    `ctr-run spec --id ${id} --image oci:app sleep 1000 | ctr-run run -d -; ctr-run list --quiet; ctr-run delete --force ${id}`,
  );
  expect(ended.stdout.split('\n')).toContain(id);
  expect(ended.status).toBe(0);
});

test('a group that is added leaves the image’s user who it is', (context) => {
  needs(context, 'root');
  layout([tar(busyboxEntries())], { directory: join(at, 'user'), tag: 'latest', config: { User: 'web' } });
  const who = (flags: string) => typed(`ctr-run run ${flags} --image oci:user id`).stdout;
  expect(who('')).toBe('uid=33(web) gid=34(web) groups=50(logs)\n');
  expect(who('--group-add 77')).toBe('uid=33(web) gid=34(web) groups=50(logs),77\n');
  expect(who('-u web --group-add 77')).toBe('uid=33(web) gid=34(web) groups=50(logs),77\n');
  expect(who('-u 5:6 --group-add logs')).toBe('uid=5 gid=6 groups=50(logs)\n');
});

test('an init is the first process, and reaps', (context) => {
  needs(context, 'root');
  const ended = typed(`ctr-run run --init --image oci:app sh -c 'cat /proc/1/comm; echo $$'`);
  if (ended.status === 125) expect(ended.stderr).toContain('install catatonit or tini');
  else expect(ended.stdout).toMatch(/^podman-init\n2\n$/);
});

test('-h alone is help, with a name a host name', () => {
  expect(runTool('ctr-run', ['run', '-h']).stdout).toMatch(/^ctr-run run: /);
  expect(runTool('ctr-run', ['run', '-h', 'box']).status).not.toBe(0);
});
