import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { Spec } from '@ctr-tools/oci';
import { describe, expect, test } from 'vitest';
import { needs, runShell, runTool, tempDir, toolEnv } from '../../../test/support.ts';
import { typed } from '../../../test/terminal.ts';
import { busyboxRoot, makeBundle, specBy, testId } from './bundles.ts';

test('the machine’s own root, with changes thrown away, shows a container of its own', (context) => {
  needs(context, 'root');
  const mark = tempDir('mark');
  writeFileSync(`${mark}/seen`, 'from the host');
  const lines = `
    echo "pid $$"; hostname; cat /proc/net/dev | tail -n +3 | cut -d: -f1 | tr -d ' '
    grep -E 'CapEff|Seccomp:|NoNewPrivs' /proc/self/status
    ls -d /usr/bin /etc/passwd
    echo changed > /etc/ctr-test-changed && cat /etc/ctr-test-changed
    cat /proc/sys/kernel/hostname; readlink /proc/self/ns/pid`;
  const ended = runTool('ctr-run', [
    'run',
    '--rootfs',
    'host',
    '--hostname',
    'box',
    '--memory',
    '64M',
    '--time',
    '--',
    'sh',
    '-c',
    lines,
  ]);
  expect(ended.stdout).toMatch(/^pid 1\nbox\nlo\n/);
  expect(ended.stdout).toContain('NoNewPrivs:\t1');
  expect(ended.stdout).toContain('Seccomp:\t2');
  expect(ended.stdout).toContain('00000000a80425fb');
  expect(ended.stdout).toContain('changed');
  expect(ended.stderr).toMatch(/^ctr-run: \S+ started in [\d.]+ ms\n$/);
  expect(ended.status).toBe(0);
  expect(runShell('test -e /etc/ctr-test-changed').status).toBe(1);
});

test('the first example line of DESIGN.md runs as written', (context) => {
  needs(context, 'root');
  const ended = runShell(
    `ctr-run spec --rootfs host -- sh -c 'id; hostname' | ns-enter --new net,pid \\
      | cg-limit --memory 64M | caps-drop --only net_bind_service \\
      | seccomp-load default | ctr-run run -`,
  );
  expect(ended.stderr).toBe('');
  expect(ended.stdout).toMatch(/^uid=0\(root\).*\n[0-9a-f]{12}\n$/);
  expect(ended.status).toBe(0);
});

test('a directory as the root is used in place, or under a layer that is thrown away', (context) => {
  needs(context, 'root');
  const root = tempDir('root');
  runShell(`mkdir -p ${root}/bin ${root}/proc ${root}/dev ${root}/sys && cp /bin/busybox ${root}/bin/sh`);
  expect(
    runTool('ctr-run', ['run', '--rootfs', root, '--temp', '--', '/bin/sh', '-c', 'echo a > /kept']).status,
  ).toBe(0);
  expect(runShell(`test -e ${root}/kept`).status).toBe(1);
  expect(runTool('ctr-run', ['run', '--rootfs', root, '--', '/bin/sh', '-c', 'echo a > /kept']).status).toBe(
    0,
  );
  expect(runShell(`cat ${root}/kept`).stdout).toBe('a\n');
});

test.each([
  [
    ['run', '--rootfs', 'host', '--bundle', '.', '--', 'id'],
    '--rootfs and --bundle are two sources; give one',
  ],
  [
    ['run', '--rootfs', 'host', '--image', 'oci:x', '--', 'id'],
    '--rootfs and --image are two sources; give one',
  ],
  [['run', '--rootfs', '/no/such/root', '--', 'id'], 'no directory /no/such/root'],
  [
    ['run', '--rootfs', 'host', '--user', 'nobody-such', '--', 'id'],
    "but the root's /etc/passwd has no such user",
  ],
])('ctr-run %j is refused with 125', (argv, words) => {
  // Without root there is no place for a container's state but there (XDG Base Directory).
  const ended = runTool('ctr-run', argv, { env: toolEnv({ XDG_RUNTIME_DIR: tempDir('runtime') }) });
  expect(ended.stderr).toContain(words);
  expect(ended.stderr.split('\n')).toHaveLength(2);
  expect(ended.status).toBe(125);
});

test('a command that is not there ends with 127, one that cannot be run with 126', (context) => {
  needs(context, 'root');
  const missing = runTool('ctr-run', ['run', '--rootfs', 'host', '--', 'no-such-command']);
  expect(missing.status).toBe(127);
  expect(missing.stderr).toContain('no-such-command');
  expect(runTool('ctr-run', ['run', '--rootfs', 'host', '--', '/etc/passwd']).status).toBe(126);
});

test('the habits of docker run: -i -e -w -u -v and --name', (context) => {
  needs(context, 'root');
  const root = busyboxRoot(tempDir('root'));
  const data = tempDir('data');
  for (const path of [root, data]) chmodSync(path, 0o755);
  writeFileSync(`${data}/file`, 'data\n');
  const name = testId();
  const ended = runTool(
    'ctr-run',
    [
      ...[
        'run',
        '-i',
        '--name',
        name,
        '--rootfs',
        root,
        '-e',
        'A=b c',
        '-e',
        'PASSED',
        '-w',
        '/tmp',
        '-u',
        '12:34',
      ],
      ...['-v', `${data}:/data:ro`, '--pids-limit', '20', '--', 'sh', '-c'],
      'cat; hostname; echo "$A $PASSED"; pwd; id -u; id -g; cat /data/file; echo x > /data/file',
    ],
    { input: 'from stdin\n', env: { PATH: process.env.PATH!, PASSED: 'on' } },
  );
  expect(ended.stdout).toBe(`from stdin\n${name}\nb c on\n/tmp\n12\n34\ndata\n`);
  expect(ended.stderr).toMatch(/Read-only file system/);
  expect(ended.status).toBe(1);
});

test('-it is a shell of one’s own at a terminal', (context) => {
  needs(context, 'root', 'command:python3');
  const root = busyboxRoot(tempDir('root'));
  const seen = typed(
    `type('ctr-run run -it --rootfs ${root} -- sh -c "tty; stty size; exec sh"\\n'); print(expect('# ')); type('echo $((40+2)); exit 5\\n'); print(expect('42')); expect('$ '); type('echo code=$?\\n'); print(expect('=5'))`,
  );
  expect(seen).toMatch(/\/dev\/(console|pts\/0)/);
  expect(seen).toContain('42');
  expect(seen).toContain('DONE');
});

describe('run -', () => {
  test('a spec that wants a terminal gets the caller’s, though its own stdin was the pipe', (context) => {
    needs(context, 'root', 'command:python3');
    const root = busyboxRoot(tempDir('root'));
    const seen = typed(
      `type('ctr-run spec -t --rootfs ${root} -- sh -c "tty; read line; echo got-\\$line" | ctr-run run -\\n'); expect('/dev/'); type('typed\\n'); print(expect('got-typed'))`,
    );
    expect(seen).toContain('got-typed');
    expect(seen).toContain('DONE');
  });

  const piped = (change: (spec: Spec) => void, argv: readonly string[], cwd: string) => {
    const spec = specBy('ctr-run', ['/bin/sh', '-c', 'cat; echo over']);
    change(spec);
    return runTool('ctr-run', ['run', ...argv, '-'], { input: JSON.stringify(spec), cwd });
  };

  test('relative paths are from the working directory, or from --bundle; stdin inside is empty', (context) => {
    needs(context, 'root');
    const [bundle, other] = [makeBundle(['/bin/true']), tempDir('other')];
    expect(piped(() => {}, [], bundle)).toMatchObject({ status: 0, stderr: '', stdout: 'over\n' });
    expect(piped(() => {}, ['--bundle', bundle], other)).toMatchObject({ status: 0, stdout: 'over\n' });
    mkdirSync(`${other}/mine`);
    renameSync(`${bundle}/rootfs`, `${other}/mine/root`);
    expect(piped((spec) => (spec.root!.path = 'mine/root'), [], other)).toMatchObject({ status: 0 });
    const missing = piped(() => {}, [], bundle);
    expect(missing.stderr).toMatch(/the spec on stdin: root\.path: no directory/);
    expect(missing.status).toBe(125);
  });

  test('the ID is made up, or --id; what follows the dash would be lost', (context) => {
    needs(context, 'root');
    const bundle = makeBundle(['/bin/true']);
    const name = testId();
    const told = (spec: Spec) => {
      spec.process!.args = ['/bin/cat', '/proc/1/cgroup'];
      spec.linux!.namespaces = spec.linux!.namespaces!.filter(({ type }) => type !== 'cgroup');
    };
    expect(piped(told, ['--id', name], bundle).stdout).toContain(name);
    expect(piped(told, [], bundle).stdout).toMatch(/[0-9a-f]{12}\n/);
    const ended = runTool('ctr-run', ['run', '-', 'id'], { input: '{}' });
    expect(ended.stderr).toMatch(/"id" after "-" would be lost/);
    expect(ended.status).toBe(125);
    expect(runTool('ctr-run', ['run', '-'], { input: '' }).status).toBe(125);
  });
});

test('a bundle without config.json suggests --image, and spec makes one that is never overwritten', (context) => {
  needs(context, 'root');
  const bundle = tempDir('bundle');
  busyboxRoot(`${bundle}/rootfs`);
  const missing = runTool('ctr-run', ['run', '--bundle', bundle, testId()]);
  expect(missing.stderr).toMatch(/ctr-run spec --bundle .*--image REF/);
  expect(missing.status).toBe(1);
  expect(runTool('ctr-run', ['spec', '--bundle', bundle, '--', 'echo', 'mine']).status).toBe(0);
  const written = readFileSync(`${bundle}/config.json`, 'utf8');
  expect(runTool('ctr-run', ['spec', '--bundle', bundle]).status).toBe(1);
  expect(readFileSync(`${bundle}/config.json`, 'utf8')).toBe(written);
  expect(runTool('ctr-run', ['run', '--bundle', bundle, testId()])).toMatchObject({
    stdout: 'mine\n',
    stderr: '',
  });
});

describe('all capabilities dropped and one added, the line of every hardening guide, is that one alone', () => {
  const look = ['--', 'grep', '-E', 'Cap(Prm|Eff|Bnd)', '/proc/self/status'];
  const one = 'CapPrm:\t0000000000000400\nCapEff:\t0000000000000400\nCapBnd:\t0000000000000400\n';
  test.for<readonly [string, string][]>([
    [
      ['drop', 'ALL'],
      ['add', 'NET_BIND_SERVICE'],
    ],
    [
      ['add', 'net_bind_service'],
      ['drop', 'all'],
    ],
    [
      ['add', 'CAP_NET_BIND_SERVICE'],
      ['drop', 'All'],
    ],
  ])('%j', (words, context) => {
    needs(context, 'root');
    const flags = words.flatMap(([flag, value]) => [`--${flag}`, value]);
    const inRun = words.flatMap(([flag, value]) => [`--cap-${flag}`, value]);
    expect(runTool('caps-drop', [...flags, ...look]).stdout).toBe(one);
    expect(runTool('ctr-run', ['run', '--rootfs', 'host', ...inRun, ...look]).stdout).toBe(one);
    const line = `ctr-run spec --rootfs host ${look.map((word) => `'${word}'`).join(' ')} | caps-drop ${flags.join(' ')} | ctr-run run -`;
    expect(runShell(line).stdout).toBe(one);
  });
});
