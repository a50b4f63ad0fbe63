import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, linkSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { slower } from '../../test/support.ts';
import {
  type AnyStep,
  awaitExec,
  clone,
  exec,
  launcher,
  makeLauncher,
  plan,
  shell,
  slot,
  step,
  supervise,
  template,
  work,
} from './launcher.ts';

/*
 * An installation with a planner that does as its first argument says. Its Node is this one.
 */
const root = join(work, 'installed');
const tool = join(root, 'bin/ns-enter');
const planner = `
const fs = require('node:fs');
const fields = fs.readFileSync(3, 'latin1').split('\\0');
const [what, ...rest] = fields.slice(9, 9 + Number(fields[8]));
const u32 = (n) => { const b = Buffer.alloc(4); b.writeUInt32LE(n); return b; };
const readN = (n) => { const b = Buffer.alloc(n); let at = 0; while (at < n) at += fs.readSync(4, b, at, n - at); return b; };
const acts = {
  request: () => { console.log(JSON.stringify({ fields, env: process.env, fds: fs.readdirSync('/proc/self/fd').map((f) => { try { return f + ' ' + fs.readlinkSync('/proc/self/fd/' + f); } catch { return ''; } }) })); process.exit(7); },
  exit: () => process.exit(Number(rest[0])),
  consumed: () => fs.writeSync(1, fs.readFileSync(0)),
  unread: () => fs.writeSync(1, fs.readFileSync(0)),
  kill: () => process.kill(process.pid, rest[0]),
  mind: () => { process.on('SIGTERM', () => { console.log('minded'); process.exit(5); }); setTimeout(() => {}, 60000); console.log('ready'); },
  junk: () => fs.writeSync(4, 'x'.repeat(500)),
  half: () => fs.writeSync(4, fs.readFileSync(rest[0]).subarray(0, 150)),
  plan: () => { fs.writeSync(4, fs.readFileSync(rest[0])); setTimeout(() => {}, 60000); },
  ask: () => {
    fs.writeSync(4, fs.readFileSync(rest[0]));
    for (;;) {
      const message = readN(readN(4).readUInt32LE()).toString('latin1');
      const [topic, payload] = message.split('\\0');
      const text = topic === 'refuse' ? '\\x01the bus is not there' : '\\0' + topic + '=' + payload;
      fs.writeSync(4, Buffer.concat([u32(text.length), Buffer.from(text)]));
      if (topic === 'die') process.exit(0);
    }
  },
};
acts[what]();
`;

/** What the engine does of all that is asked here. */
const onNode = `
globalThis.main = () => {
  const part = new Uint8Array(65536);
  const request = __host.latin1(part.subarray(0, __host.read(3, part, 0, part.length, 0)));
  __host.write(4, __host.bytes('CTRNODE\\0'), 0);
  if (!request.includes('\\0consumed\\0')) return 0;
  __host.write(4, __host.bytes('\\x01'), 0);
  for (let n; (n = __host.read(0, part, 0, part.length, null)) > 0; )
    for (let at = 0; at < n; ) at += __host.write(4, part.subarray(0, n), at);
  return 0;
};`;

beforeAll(() => {
  mkdirSync(join(root, 'bin'), { recursive: true });
  mkdirSync(join(root, 'lib'));
  makeLauncher(join(root, 'bin/ctr-launcher'), onNode);
  linkSync(join(root, 'bin/ctr-launcher'), tool);
  symlinkSync(process.execPath, join(root, 'lib/node'));
  writeFileSync(join(root, 'lib/planner.cjs'), planner);
  chmodSync(join(root, 'lib/planner.cjs'), 0o644);
});

const call = (...argv: string[]) => {
  const { status, signal, stdout, stderr } = spawnSync(tool, argv, {
    encoding: 'utf8',
    timeout: 20_000 * slower,
  });
  return { status, signal, stdout, stderr };
};

describe('the request', () => {
  const ask = (line: string) => JSON.parse(shell(line, tool).stdout);

  test('says what the planner cannot see', () => {
    const { fields } = ask(`umask 037; cd /; X='a b' exec $P request $'\\xff\\n' '' 5</dev/null </dev/null`);
    expect(fields.slice(0, 2)).toEqual(['CTRREQ4', 'ns-enter']);
    const [pid, ppid, ...ids] = fields[2].split(' ');
    expect(Number(pid)).toBeGreaterThan(1);
    expect(Number(ppid)).toBe(process.pid);
    expect(ids).toEqual(
      [process.getuid!(), process.geteuid!(), process.getgid!(), process.getegid!()].map(String),
    );
    expect(fields[3]).toBe('37');
    expect(fields[4].split(' ')).toEqual(expect.arrayContaining(['0', '1', '2', '5']));
    expect(fields[4].split(' ')).not.toContain('3');
    expect(fields[5]).toBe('000');
    expect(fields[6]).toBe('80 24');
    expect(fields[7]).toBe(tool);
    expect(fields.slice(8, 12)).toEqual(['3', 'request', '\xff\n', '']);
    const count = Number(fields[12]);
    expect(fields.slice(13, 13 + count)).toContain('X=a b');
    expect(fields.slice(13 + count)).toEqual(['/', '', '', '']);
  });

  test.each(['', 'a spec', 'x'.repeat(300_000)])(
    'on Node stdin is what the engine read of it, or still all of it',
    (input) => {
      for (const act of ['consumed', 'unread']) {
        const { status, stdout, stderr } = spawnSync(tool, [act], { encoding: 'utf8', input });
        expect([act, stderr, stdout === input, status]).toEqual([act, '', true, 0]);
      }
    },
  );

  test('under the own name the first argument is the tool', () => {
    const { fields } = ask(`${root}/bin/ctr-launcher caps-drop request x`);
    expect(fields.slice(0, 2)).toEqual(['CTRREQ4', 'caps-drop']);
    expect(fields.slice(8, 11)).toEqual(['2', 'request', 'x']);
  });

  test('and the planner gets nothing else', () => {
    const { env, fds } = ask(
      'NODE_OPTIONS=--bad LD_PRELOAD=/no BUN_OPTIONS=x TERM=vt100 NO_COLOR=1 HOME=/x exec $P request 5</etc/passwd 77</etc/group 2>/dev/null',
    );
    expect(env).toEqual({
      PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      TERM: 'vt100',
      NO_COLOR: '1',
    });
    expect(fds.join('\n')).not.toMatch(/passwd|group/);
    expect(fds).toContainEqual(expect.stringMatching(/^3 .*memfd:request/));
    expect(fds).toContainEqual(expect.stringMatching(/^4 socket:/));
  });
});

describe('without a plan the launcher ends as the planner', () => {
  test('by exit code or signal', () => {
    expect(call('exit', '0')).toMatchObject({ status: 0, stderr: '' });
    expect(call('exit', '42')).toMatchObject({ status: 42, stderr: '' });
    expect(call('kill', 'SIGTERM')).toMatchObject({ signal: 'SIGTERM', stderr: '' });
    expect(call('kill', 'SIGKILL')).toMatchObject({
      status: 125,
      stderr: 'ns-enter: the planner was killed by SIGKILL before it had a plan\n',
    });
  });

  test('a signal to the launcher is minded by the planner, and ends both', () => {
    const tell = (what: string, signal: string): string =>
      `exec 9< <(exec $P ${what}); read -u 9 line; kill -${signal} $!; cat <&9; wait $!; echo $?`;
    expect(shell(tell('mind', 'TERM'), tool).stdout).toBe('minded\n5\n');
    expect(shell(tell('mind', 'HUP'), tool).stdout).toBe('129\n');
  });

  test('nonsense is refused', () => {
    expect(call('junk')).toMatchObject({ status: 125, stderr: expect.stringContaining('not a plan') });
    expect(call('half', plan([[exec('true')]]))).toMatchObject({
      status: 125,
      stderr: 'ns-enter: the planner ended in the middle of its plan\n',
    });
  });
});

describe('with a plan', () => {
  test('the planner is gone when the command runs', () => {
    const look = `cat /proc/$PPID/task/*/children; cat /proc/$PPID/comm; exit 3`;
    const { status, stdout } = call(
      'plan',
      plan([[clone(), exec('sh', '-c', look), awaitExec(), supervise()]]),
    );
    expect(status).toBe(3);
    expect(stdout).toMatch(/^\d+ ns-enter\n$/); // one child: the command itself
  });

  test('stdio is blocking again, and oddly named variables survive', () => {
    const path = plan([[exec('sh', '-c', 'cat /proc/self/fdinfo/[012]; tr "\\0" "\\n" </proc/$$/environ')]]);
    const { stdout } = shell(`env 'odd name=1' ${tool} plan $P </dev/null`, path);
    for (const [, flags] of stdout.matchAll(/flags:\s+(\d+)/g))
      expect(Number.parseInt(flags!, 8) & 0o4000).toBe(0);
    expect(stdout).toContain('odd name=1\n');
    expect(stdout).not.toContain('ctr-launcher (sealed)');
  });

  test('the launcher runs from a sealed copy under the name that was typed', () => {
    const look =
      'readlink /proc/$PPID/exe; cat /proc/$PPID/comm; tr "\\0" " " </proc/$PPID/cmdline; echo; (: >>/proc/$PPID/exe) 2>&1';
    const { stdout } = call('plan', plan([[clone(), exec('sh', '-c', look), awaitExec(), supervise()]]));
    const [exe, comm, cmdline, written] = stdout.split('\n');
    expect(exe).toBe('/memfd:ctr-launcher (deleted)');
    expect(comm).toBe('ns-enter');
    expect(cmdline!.startsWith(`${tool} plan /`)).toBe(true);
    expect(written).toMatch(/Text file busy|Operation not permitted|Permission denied/);
  });

  test('questions are answered while it is carried out, and then the planner goes', () => {
    const ask = (topic: string, side: 'host' | 'container' = 'host'): AnyStep =>
      step(
        'cgroup',
        'ask',
        { topic, payload: template`pid ${slot('me')}`, reply: slot('reply'), socket: '' },
        `ask about ${topic}`,
        {
          side,
        },
      );
    const me = step('state', 'self_pid', { pid: slot('me') }, 'ask', { side: 'host' });
    const say = step('cgroup', 'print', { fd: 1, text: slot('reply') }, 'say', { side: 'host' });
    const children = exec('sh', '-c', 'cat /proc/$PPID/task/*/children | wc -w');
    const good = call('ask', plan([[me, ask('unit'), say, clone(), children, awaitExec(), supervise()]]));
    expect(good.stdout).toMatch(/^unit=pid \d+\n1\n$/);
    const bad = call('ask', plan([[me, ask('refuse'), clone(), children, supervise()]]));
    expect(bad).toMatchObject({ status: 125, stderr: 'test: ask about refuse: the bus is not there\n' });
    const gone = call('ask', plan([[me, ask('die'), ask('more'), clone(), children, supervise()]]));
    expect(gone).toMatchObject({ status: 125, stderr: 'test: ask about more: the planner has gone\n' });
    const stored = shell('$L --plan $P', plan([[me, ask('unit'), exec('true')]]));
    expect(stored.stderr).toMatch(/a stored plan has no planner/);
  });
});

describe('trust', () => {
  test('root runs no planner that others could have written', () => {
    const path = join(root, 'lib/planner.cjs');
    chmodSync(path, 0o666);
    expect(call('exit', '0')).toMatchObject({
      status: 125,
      stderr: expect.stringContaining(`${path} can be written by others`),
    });
    chmodSync(path, 0o644);
    chmodSync(join(root, 'lib'), 0o777);
    expect(call('exit', '0').status).toBe(125);
    chmodSync(join(root, 'lib'), 0o755);
    chownSync(path, 12345, 12345);
    expect(call('exit', '0')).toMatchObject({
      status: 125,
      stderr: expect.stringContaining('somebody else'),
    });
    chownSync(path, 0, 0);
    expect(call('exit', '0').status).toBe(0);
  });

  test('a missing planner or Node is said', () => {
    const bare = join(work, 'bare/bin');
    mkdirSync(bare, { recursive: true });
    makeLauncher(join(bare, 'ns-enter'), onNode);
    const { status, stderr } = spawnSync(join(bare, 'ns-enter'), ['x'], { encoding: 'utf8' });
    expect(status).toBe(125);
    expect(stderr).toMatch(/^ns-enter: this needs the planner on Node, which is missing.*\n$/);
    mkdirSync(join(work, 'bare/lib'));
    writeFileSync(join(work, 'bare/lib/planner.cjs'), '');
    expect(spawnSync(join(bare, 'ns-enter'), ['x'], { encoding: 'utf8' }).stderr).toMatch(
      /this needs Node, which is missing/,
    );
  });
});

test('where no memfd may be executed, a nameless file does it', () => {
  const path = plan([[clone(), exec('sh', '-c', 'readlink /proc/$PPID/exe'), awaitExec(), supervise()]]);
  // the limit is per PID namespace (since Linux 6.3), so the machine's own stays as it is
  const line = `unshare --pid --fork --mount-proc sh -c 'echo 2 >/proc/sys/vm/memfd_noexec && ${launcher} --plan ${path}'`;
  const { stdout, stderr, status } = shell(line, path);
  expect(stderr).toBe('');
  expect(status).toBe(0);
  expect(stdout).toMatch(/ \(deleted\)\n$/);
  expect(stdout).not.toContain('memfd:');
  expect(readdirSync('/run').filter((f) => f.startsWith('#'))).toEqual([]);
});

test('a copy that claims to be sealed and is not is refused', () => {
  const line = `exec -a 'ctr-launcher (sealed)' $L '1 0 -1 -1 -1 -1 -1 0 0 -1' ns-enter x`;
  expect(shell(line, '/')).toMatchObject({
    status: 125,
    stderr: expect.stringContaining('not a sealed copy'),
  });
  const whole = `exec -a 'ctr-launcher (whole)' $L 7 ns-enter ns-enter x 7<$L`;
  expect(shell(whole, '/')).toMatchObject({
    status: 125,
    stderr: expect.stringContaining('not a sealed copy'),
  });
});
