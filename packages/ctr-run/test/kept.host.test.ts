/**
 * Plans kept beside a container's state. A launcher that lies alone has no planner: what it does
 * all the same, it does by them.
 */
import { chmodSync, copyFileSync, existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { needs, run, runTool, tempDir, toolPath, until } from '../../../test/support.ts';
import { ctrLeaving, makeBundle, testId } from './bundles.ts';

const ctr = (...argv: string[]) => runTool('ctr-run', argv);
/** `--debug` is not among the words that plans are kept for. */
const planned = (...argv: string[]) => runTool('ctr-run', ['--debug', ...argv]);

let alone: string;
beforeAll(() => {
  alone = `${tempDir('alone')}/ctr-run`;
  copyFileSync(toolPath('ctr-run'), alone);
});
const without = (...argv: string[]) => run(alone, argv);
const statusOf = (text: string) => (JSON.parse(text) as { status: string }).status;
const missing = { status: 125, stdout: '', stderr: expect.stringContaining('the planner is missing') };

function created(args = ['/bin/sleep', '100'], change: Parameters<typeof makeBundle>[1] = () => {}): string {
  const id = testId();
  expect(ctrLeaving('create', '--bundle', makeBundle(args, change), id)).toMatchObject({ status: 0 });
  return id;
}

describe('without a planner', () => {
  test('state, start, kill and delete do what they do with one, word for word', async (context) => {
    needs(context, 'root');
    const id = created();
    const same = (status: string) => {
      const state = without('state', id);
      expect(state).toEqual(planned('state', id));
      expect(statusOf(state.stdout)).toBe(status);
    };
    same('created');
    expect(without('delete', id)).toMatchObject(missing);
    expect(without('start', id)).toMatchObject({ status: 0, stdout: '', stderr: '' });
    same('running');
    expect(without('start', id)).toMatchObject(missing);
    expect(without('kill', id, 'KILL')).toMatchObject({ status: 0, stdout: '', stderr: '' });
    await until('it has stopped', () => statusOf(ctr('state', id).stdout) === 'stopped');
    same('stopped');
    expect(without('kill', id, 'KILL')).toMatchObject(missing);
    expect(without('delete', id)).toMatchObject({ status: 0, stdout: '', stderr: '' });
    expect(without('state', id)).toMatchObject(missing);
    expect(run('find', ['/sys/fs/cgroup', '/run/ctr-run', '-name', `*${id}*`]).stdout).toBe('');
  });

  test('a signal is a number or a name, TERM if none is given', async (context) => {
    needs(context, 'root');
    const out = tempDir('out');
    const script =
      'for s in HUP USR1 USR2 TERM; do trap "echo $s >> /out/got" $s; done; echo up > /out/got; while :; do sleep 0.05; done';
    const id = created(['/bin/sh', '-c', script], (spec) => {
      spec.mounts!.push({ destination: '/out', type: 'bind', source: out, options: ['bind', 'rw'] });
    });
    expect(without('start', id).status).toBe(0);
    const got = () => (existsSync(`${out}/got`) ? readFileSync(`${out}/got`, 'utf8') : '');
    await until('it listens', () => got() === 'up\n');
    let seen = 'up\n';
    for (const [word, name] of [
      ['1', 'HUP'],
      ['USR1', 'USR1'],
      ['SIGUSR2', 'USR2'],
      [undefined, 'TERM'],
    ]) {
      expect(without('kill', id, ...(word ? [word] : []))).toMatchObject({ status: 0, stderr: '' });
      seen += `${name}\n`;
      await until(`${name} has come`, () => got() === seen);
    }
    for (const word of ['0', '65', 'usr1', 'NONE', '9x', '-9'])
      expect(without('kill', id, word)).toMatchObject(missing);
    expect(without('delete', '--force', id)).toMatchObject({ status: 0, stderr: '' });
  });

  test('delete --force ends what runs, of a detached run too', (context) => {
    needs(context, 'root');
    const id = testId();
    expect(ctrLeaving('run', '-d', '--bundle', makeBundle(['/bin/sleep', '100']), id).status).toBe(0);
    expect(without('state', id)).toEqual(planned('state', id));
    expect(without('start', id)).toMatchObject(missing);
    expect(without('delete', '-f', id)).toMatchObject({ status: 0, stderr: '' });
    expect(run('find', ['/sys/fs/cgroup', '/run/ctr-run', '-name', `*${id}*`]).stdout).toBe('');
  });

  test('flags as engines give them, and any name of a link', (context) => {
    needs(context, 'root');
    const root = tempDir('root');
    const id = testId();
    const log = `${root}/log.json`;
    const words = ['--root', root, '--log', log, '--log-format', 'json', '--systemd-cgroup'];
    const bundle = makeBundle(['/bin/sleep', '100']);
    expect(ctrLeaving('--root', root, 'create', '--bundle', bundle, id).status).toBe(0);
    expect(statusOf(without(...words, 'state', id).stdout)).toBe('created');
    expect(statusOf(without(`--root=${root}`, `--log=${log}`, '--log-format=text', 'state', id).stdout)).toBe(
      'created',
    );
    const link = `${tempDir('link')}/runc`;
    symlinkSync(alone, link);
    expect(statusOf(run(link, ['--root', root, 'state', id]).stdout)).toBe('created');
    // The default's rule is the planner's (state-root.ts): a variable, and of a user's directory only what is plain.
    const byEnv = (env: Record<string, string>, by = alone) => run(by, ['state', id], { env });
    expect(statusOf(byEnv({ CTR_STATE_ROOT: root }).stdout)).toBe('created');
    expect(byEnv({ CTR_STATE_ROOT: root, XDG_RUNTIME_DIR: '/none' })).toEqual(
      byEnv({ CTR_STATE_ROOT: root }),
    );
    const elsewhere: Record<string, string>[] = [
      {},
      { CTR_STATE_ROOT: '' },
      { XDG_RUNTIME_DIR: root },
      { XDG_RUNTIME_DIR: root, USER: 'root' },
    ];
    for (const env of elsewhere) {
      expect(byEnv(env)).toMatchObject(missing);
      expect(byEnv(env, toolPath('ctr-run'))).toMatchObject({ status: 1 });
    }
    for (const other of [['--debug'], ['--rootless', 'auto'], ['--log-format', 'xml'], ['--root']])
      expect(without(...words, ...other, 'state', id)).toMatchObject(missing);
    for (const other of [
      ['state', id, 'more'],
      ['state', '--help'],
      ['state'],
      ['kill', '--all', id],
      ['pause', id],
    ])
      expect(without(...words, ...other)).toMatchObject(missing);
    expect(without(...words, 'delete', '--force', id)).toMatchObject({ status: 0, stderr: '' });
  });
});

describe('the planner is asked', () => {
  test('where the container is paused', (context) => {
    needs(context, 'root');
    const id = created();
    expect(ctr('start', id).status).toBe(0);
    expect(ctr('pause', id)).toMatchObject({ status: 0, stderr: '' });
    expect(without('state', id)).toMatchObject(missing);
    expect(statusOf(ctr('state', id).stdout)).toBe('paused');
    expect(ctr('resume', id).status).toBe(0);
    expect(statusOf(without('state', id).stdout)).toBe('running');
    expect(ctr('delete', '--force', id).status).toBe(0);
  });

  test('where hooks belong to it', (context) => {
    needs(context, 'root');
    const id = created(['/bin/sleep', '100'], (spec) => {
      const hook = { path: '/bin/true', args: ['true'] };
      spec.hooks = { poststart: [hook], poststop: [hook] };
    });
    expect(statusOf(without('state', id).stdout)).toBe('created');
    expect(without('start', id)).toMatchObject(missing);
    expect(without('delete', '--force', id)).toMatchObject(missing);
    expect(ctr('start', id)).toMatchObject({ status: 0, stderr: '' });
    expect(ctr('delete', '--force', id)).toMatchObject({ status: 0, stderr: '' });
  });

  test('where others could have written the plans, or somebody broke them', (context) => {
    needs(context, 'root');
    const id = created();
    const plans = `/run/ctr-run/${id}/plans`;
    const whole = readFileSync(plans);
    chmodSync(plans, 0o622);
    expect(without('state', id)).toMatchObject(missing);
    chmodSync(plans, 0o600);
    chmodSync(`/run/ctr-run/${id}`, 0o777);
    expect(without('state', id)).toMatchObject(missing);
    chmodSync(`/run/ctr-run/${id}`, 0o711);
    expect(without('state', id).status).toBe(0);
    const others = [0, 1, 9, 20, 40, 100, 500].map((length) => whole.subarray(0, length));
    for (const bytes of [
      ...others,
      Buffer.alloc(2 << 20, whole),
      Buffer.from('CTRKEPT1 1 1\n99999999999999999999 state\n'),
    ]) {
      writeFileSync(plans, bytes);
      const ended = ctr('state', id);
      expect(ended).toMatchObject({ status: 0, stderr: '' });
      expect(statusOf(ended.stdout)).toBe('created');
    }
    // A plan's own bytes, changed: it is refused or says what it is to say, and never ends by a signal.
    for (let at = 24; at < 1024; at += 7) {
      const bytes = Buffer.from(whole);
      bytes[at]! ^= 0x41;
      writeFileSync(plans, bytes);
      expect(ctr('state', id).signal, `byte ${at}`).toBe(null);
    }
    expect(ctr('delete', '--force', id)).toMatchObject({ status: 0, stderr: '' });
  });
});

test('a start that fails by its plan says so, and writes it to the log', (context) => {
  needs(context, 'root');
  const log = `${tempDir('log')}/log.json`;
  const id = created(['/bin/sleep', '100'], (spec) => {
    spec.hooks = { startContainer: [{ path: '/bin/false', args: ['false'] }] };
  });
  const ended = without('--log', log, '--log-format', 'json', 'start', id);
  expect(ended).toMatchObject({ status: 1, stdout: '' });
  expect(ended.stderr).toMatch(
    /^ctr-run: start container .*: run the startContainer hook \/bin\/false: .*\n$/,
  );
  const said = JSON.parse(readFileSync(log, 'utf8')) as { level: string; msg: string };
  expect(said.level).toBe('error');
  expect(ended.stderr).toBe(`ctr-run: ${said.msg}\n`);
  expect(without('--log', '/no/such/log', 'delete', id)).toMatchObject({ status: 1 });
  expect(without('delete', id)).toMatchObject({ status: 0, stderr: '' });
});

test('the state goes whole to whoever reads it, and a closed stdout changes nothing', (context) => {
  needs(context, 'root');
  const id = created();
  expect(run('sh', ['-c', `${alone} state ${id} | wc -l`]).stdout.trim()).toBe('10');
  expect(run('sh', ['-c', `${alone} state ${id} >&-`])).toMatchObject({ status: 0, stderr: '' });
  expect(ctr('delete', '--force', id).status).toBe(0);
});
