/** The command line beside runc's: what engines call (go-runc, conmon), what they read, and what each operation MUST refuse (runtime.md, Operations). */
import { closeSync, existsSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { hasCommand, needs, run, runTool, tempDir, until } from '../../../test/support.ts';
import { ctrLeaving, makeBundle, testId, tracesOf } from './bundles.ts';
import { needsRuntime, program, runtimes } from './runtimes.ts';

const ctr = (...argv: string[]) => runTool('ctr-run', argv);
const script = (lines: string): string[] => ['/bin/sh', '-c', lines];
const leaving = (file: string, ...argv: string[]) =>
  run('/bin/sh', ['-c', 'exec "$@" </dev/null >/dev/null 2>&1', 'sh', file, ...argv]);

const stateIn = (file: string, id: string) =>
  JSON.parse(run(file, ['state', id]).stdout) as { status: string; pid: number } & Record<string, unknown>;

describe.each(runtimes)('%s', (runtime) => {
  const file = program(runtime);

  test.for([
    'state',
    'create',
    'start',
    'kill',
    'delete',
    'pause',
    'resume',
    'ps',
    'update',
    'events',
    'exec',
  ])('%s without an ID is an error', (command, context) => {
    needsRuntime(context, runtime);
    expect(run(file, [command], { cwd: tempDir('nowhere') }).status).toBeGreaterThan(0);
  });

  test.for([
    ['state'],
    ['start'],
    ['kill'],
    ['delete'],
    ['pause'],
    ['resume'],
    ['ps'],
    ['update', '--memory', '9m'],
    ['events', '--stats'],
    ['checkpoint'],
  ])('%j of what does not exist is an error, in the words that engines look for', (argv, context) => {
    needsRuntime(context, runtime);
    const ended = run(file, [...argv, 'ctr-test-nobody']);
    expect(ended.stderr).toContain('does not exist');
    expect(ended.status).toBe(1);
  });

  test('start of what is not created is an error without effect; kill of what is created ends it', async (context) => {
    needsRuntime(context, runtime);
    const [id, bundle] = [testId(), makeBundle(['/bin/sleep', '1000'])];
    expect(leaving(file, 'run', '-d', '--bundle', bundle, id).status).toBe(0);
    const before = stateIn(file, id);
    expect(run(file, ['start', id]).status).toBe(1);
    expect(stateIn(file, id)).toEqual(before);
    expect(run(file, ['delete', id]).status).toBe(1);
    expect(stateIn(file, id)).toEqual(before);
    expect(leaving(file, 'create', '--bundle', bundle, id).status).toBe(1);
    expect(stateIn(file, id)).toEqual(before);
    run(file, ['delete', '--force', id]);
    expect(leaving(file, 'create', '--bundle', bundle, id).status).toBe(0);
    expect(stateIn(file, id).status).toBe('created');
    expect(run(file, ['kill', id, 'KILL'])).toMatchObject({ status: 0 });
    await until('it has stopped', () => stateIn(file, id).status === 'stopped');
    expect(run(file, ['start', id]).status).toBe(1);
    expect(run(file, ['kill', id, 'TERM'])).toMatchObject({ status: 1 });
    expect(run(file, ['kill', '--all', id, 'KILL'])).toMatchObject({ status: 0 });
    expect(run(file, ['delete', id]).status).toBe(0);
  });

  test('of a global flag that is given twice the last one counts', (context) => {
    needsRuntime(context, runtime);
    const [first, second, log] = [tempDir('root'), tempDir('root'), `${tempDir('log')}/log`];
    const id = testId();
    const globals = [
      '--root',
      first,
      '--log-format',
      'text',
      '--root',
      second,
      '--log-format',
      'json',
      '--log',
      '/no/such/log',
      '--log',
      log,
    ];
    expect(leaving(file, ...globals, 'create', '--bundle', makeBundle(script('true')), id).status).toBe(0);
    expect(existsSync(`${first}/${id}`)).toBe(false);
    expect(existsSync(`${second}/${id}`)).toBe(true);
    expect(run(file, ['--root', second, 'delete', '--force', id]).status).toBe(0);
    expect(run(file, [...globals, 'start', id]).status).not.toBe(0);
    expect(readFileSync(log, 'utf8')).toMatch(/^\{.*"level":"error"/);
  });

  test('what changes in config.json after create has no effect', async (context) => {
    needsRuntime(context, runtime);
    const out = tempDir('out');
    const [id, bundle] = [
      testId(),
      makeBundle(script('echo first > /out/mark'), (spec) => {
        spec.mounts!.push({ destination: '/out', type: 'bind', source: out, options: ['bind'] });
      }),
    ];
    expect(leaving(file, 'create', '--bundle', bundle, id).status).toBe(0);
    expect(existsSync(`${out}/mark`)).toBe(false);
    const config = readFileSync(`${bundle}/config.json`, 'utf8');
    writeFileSync(`${bundle}/config.json`, config.replace('echo first', 'echo second'));
    expect(run(file, ['start', id]).status).toBe(0);
    await until('it has run', () => stateIn(file, id).status === 'stopped');
    expect(readFileSync(`${out}/mark`, 'utf8')).toBe('first\n');
    expect(run(file, ['delete', id]).status).toBe(0);
  });

  test('the state has the properties that runtime.md and engines name, the bundle as an absolute path', async (context) => {
    needsRuntime(context, runtime);
    const [id, bundle] = [
      testId(),
      makeBundle(['/bin/sleep', '1000'], (spec) => (spec.annotations = { a: 'b' })),
    ];
    const made = run('/bin/sh', [
      '-c',
      `cd ${bundle} && exec ${file} run -d --bundle . ${id} </dev/null >/dev/null 2>&1`,
    ]);
    expect(made.status).toBe(0);
    const state = stateIn(file, id);
    expect(state).toMatchObject({
      id,
      status: 'running',
      bundle,
      rootfs: `${bundle}/rootfs`,
      annotations: { a: 'b' },
      owner: '',
    });
    expect(state.ociVersion).toMatch(/^1\./);
    expect(Number.isNaN(Date.parse(String(state.created)))).toBe(false);
    // runc's start is over before the execve.
    await until('the command runs', () =>
      readFileSync(`/proc/${state.pid}/cmdline`, 'utf8').includes('sleep'),
    );
    expect(Object.keys(state)).toEqual([
      'ociVersion',
      'id',
      'pid',
      'status',
      'bundle',
      'rootfs',
      'created',
      'annotations',
      'owner',
    ]);
    run(file, ['delete', '--force', id]);
  });

  test('of a subcommand’s flag that is given twice the last one counts', (context) => {
    needsRuntime(context, runtime);
    const [id, bundle, pid] = [testId(), makeBundle(['/bin/sleep', '1000']), `${tempDir('pid')}/pid`];
    const twice = [
      '--pid-file',
      '/no/such/pid',
      '--pid-file',
      pid,
      '--bundle',
      '/no/such',
      '--bundle',
      bundle,
    ];
    expect(leaving(file, 'run', '-d', ...twice, id).status).toBe(0);
    expect(readFileSync(pid, 'utf8')).toBe(String(stateIn(file, id).pid));
    expect(run(file, ['exec', '--cwd', '/tmp', '--cwd', '/home', id, '/bin/pwd']).stdout).toBe('/home\n');
    run(file, ['delete', '--force', id]);
  });

  test('what stands beside exec --process is passed over', (context) => {
    needsRuntime(context, runtime);
    const [id, bundle, process] = [testId(), makeBundle(['/bin/sleep', '1000']), `${tempDir('p')}/p.json`];
    const described = { args: ['/bin/echo', 'described'], cwd: '/', user: { uid: 0, gid: 0 } };
    writeFileSync(process, JSON.stringify(described));
    expect(leaving(file, 'run', '-d', '--bundle', bundle, id).status).toBe(0);
    expect(run(file, ['exec', '--process', process, id, '/bin/false'])).toMatchObject({
      status: 0,
      stdout: 'described\n',
    });
    run(file, ['delete', '--force', id]);
  });

  test('what comes after the ID of exec is the command’s, its flags too', (context) => {
    needsRuntime(context, runtime);
    const [id, bundle] = [testId(), makeBundle(['/bin/sleep', '1000'])];
    expect(leaving(file, 'run', '-d', '--bundle', bundle, id).status).toBe(0);
    expect(run(file, ['exec', '--cwd', '/tmp', id, '/bin/echo', '--user', '7', '-t']).stdout).toBe(
      '--user 7 -t\n',
    );
    expect(
      run(file, ['exec', '--cwd', '/tmp', '-e', 'A=b', id, '/bin/sh', '-c', 'pwd; echo $A']).stdout,
    ).toBe('/tmp\nb\n');
    expect(run(file, ['exec', '--no-such-flag', id, '/bin/true']).status).not.toBe(0);
    run(file, ['delete', '--force', id]);
  });

  test('ps as engines call it, and events as go-runc decodes them', (context) => {
    needsRuntime(context, runtime);
    const [id, bundle] = [testId(), makeBundle(['/bin/sleep', '1000'])];
    expect(leaving(file, 'run', '-d', '--bundle', bundle, id).status).toBe(0);
    const { pid } = stateIn(file, id);
    expect(JSON.parse(run(file, ['ps', '--format', 'json', id]).stdout)).toEqual([pid]);
    for (const options of ['-ef', 'aux', 'axo pid,args']) {
      const table = run(file, ['ps', '--format', 'table', id, ...options.split(' ')])
        .stdout.trim()
        .split('\n');
      expect(table[0]).toMatch(/PID/);
      expect(table).toHaveLength(2);
      expect(table[1]).toContain('sleep');
    }
    const {
      type,
      id: whose,
      data,
    } = JSON.parse(run(file, ['events', '--stats', id]).stdout) as {
      type: string;
      id: string;
      data: {
        cpu: { usage: Record<string, unknown>; throttling: object };
        memory: Record<string, unknown>;
        pids: object;
        blkio: object;
        hugetlb: object;
      };
    };
    expect([type, whose]).toEqual(['stats', id]);
    // go-runc, events.go: numbers that must be there, and objects.
    for (const name of ['total', 'kernel', 'user'])
      expect(data.cpu.usage[name], name).toEqual(expect.any(Number));
    expect(data.cpu.throttling).toEqual(expect.any(Object));
    for (const kind of ['usage', 'swap']) {
      const entry = data.memory[kind] as Record<string, unknown>;
      expect(entry.limit, kind).toEqual(expect.any(Number));
      expect(entry.failcnt, kind).toEqual(expect.any(Number));
    }
    expect((data.memory.usage as { usage: number }).usage).toBeGreaterThan(0);
    expect(data.memory.raw).toEqual(expect.any(Object));
    expect(data.pids).toEqual(expect.any(Object));
    expect(data.blkio).toEqual(expect.any(Object));
    expect(data.hugetlb).toEqual(expect.any(Object));
    run(file, ['delete', '--force', id]);
  });
});

test('--version has the lines that go-runc parses', () => {
  const lines = ctr('--version').stdout.trimEnd().split('\n');
  expect(lines).toHaveLength(3);
  expect(lines[0]).toMatch(/^ctr-run version \S+$/);
  expect(lines[1]).toMatch(/^commit: \S+$/);
  expect(lines[2]).toBe('spec: 1.3.0');
  expect(ctr('-v').stdout).toBe(ctr('--version').stdout);
});

test('the log as text is what logrus writes, and nothing is done where it cannot be written', (context) => {
  needs(context, 'root');
  const log = `${tempDir('log')}/log`;
  const ended = ctr('--log', log, 'state', 'ctr-test-nobody');
  expect(readFileSync(log, 'utf8')).toMatch(
    /^time="\d{4}-\d\d-\d\dT[\d:.]+Z" level=error msg="container does not exist: \\"ctr-test-nobody\\".*"\n$/,
  );
  expect(ended.status).toBe(1);
  const bundle = makeBundle(['/bin/true']);
  const calls = [['list'], ['state', 'ctr-test-nobody'], ['features'], ['run', '--bundle', bundle, testId()]];
  for (const words of calls) {
    expect(ctr('--log', '/no/such/dir/log', ...words), words[0]).toMatchObject({
      status: 1,
      stdout: '',
      stderr: 'ctr-run: open the log /no/such/dir/log: there is no directory /no/such/dir\n',
    });
    expect(ctr('--log', bundle, ...words).stderr).toBe(
      `ctr-run: open the log ${bundle}: it is a directory\n`,
    );
    if (hasCommand('runc')) expect(run('runc', ['--log', '/no/such/dir/log', ...words]).status).toBe(1);
  }
  expect(tracesOf(bundle, bundle)).toEqual([]);
  // What only the launcher has open is for it to say.
  const fd = openSync(log, 'w');
  runTool('ctr-run', ['--log', '/dev/fd/3', 'state', 'ctr-test-nobody'], { fds: [fd] });
  closeSync(fd);
  expect(readFileSync(log, 'utf8')).toContain('level=error');
});

test('global flags as go-runc and conmon give them', (context) => {
  needs(context, 'root');
  const root = tempDir('root');
  const id = testId();
  const flags = [
    '--root',
    root,
    '--log',
    `${root}.log`,
    '--log-format',
    'json',
    '--rootless=false',
    '--criu',
    '/usr/sbin/criu',
  ];
  const bundle = makeBundle(['/bin/sleep', '1000']);
  const made = ctrLeaving(
    ...flags,
    'create',
    '--bundle',
    bundle,
    '--pid-file',
    `${root}.pid`,
    '--no-pivot',
    '--no-new-keyring',
    id,
  );
  expect(made).toMatchObject({ status: 0, stderr: '' });
  expect(ctr(...flags, 'start', id).status).toBe(0);
  expect(ctr(...flags, 'list', '--format=json').stdout).toContain(id);
  expect(ctr(...flags, 'kill', '--all', id, '9').status).toBe(0);
  expect(ctr(...flags, 'delete', '--force', id).status).toBe(0);
  run('rm', ['-f', `${root}.pid`, `${root}.log`]);
  expect(ctr('--rootless', 'perhaps', 'list').stderr).toMatch(/true, false or auto/);
  expect(ctr('--log-format', 'xml', 'list').stderr).toMatch(/text or json/);
});

test('a listener path without a call to ask about is ignored', (context) => {
  needs(context, 'root');
  const bundle = makeBundle(['/bin/echo', 'fine'], (spec) => {
    spec.linux!.seccomp = { defaultAction: 'SCMP_ACT_ALLOW', listenerPath: '/run/no-such-agent.sock' };
  });
  expect(ctr('run', '--bundle', bundle, testId())).toMatchObject({ status: 0, stdout: 'fine\n', stderr: '' });
});

test('annotations may hold what once marked a slot of a plan, and stay what they are', (context) => {
  needs(context, 'root');
  const annotations = { 'a\u0001text:start.fifo\u0001': 'x', b: '\u0001slot:child.pid\u0001' };
  const id = testId();
  const bundle = makeBundle(['/bin/true'], (spec) => Object.assign(spec, { annotations }));
  expect(ctrLeaving('create', '--bundle', bundle, id)).toMatchObject({ status: 0, stderr: '' });
  const { annotations: kept } = stateIn(program('ctr-run'), id);
  expect(kept).toEqual(annotations);
  expect(ctr('delete', '--force', id).status).toBe(0);
});
