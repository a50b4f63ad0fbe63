/** The settings of a terminal that a runtime relays, or hands to somebody by a socket, beside runc's and crun's. */
import { writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { needs, run, skip, tempDir } from '../../../test/support.ts';
import { searchable, testId } from './bundles.ts';
import { beside, callOf, commonBundle, type PeerName, whileThere } from './peers.ts';

/** One at a terminal of its own, whose stdout is that terminal or a pipe: what the command wrote, and what it had for settings. */
function relayed(argv: readonly string[], to: 'terminal' | 'pipe'): { written: string; settings: string } {
  const file = `${tempDir('relayed')}/relayed.py`;
  writeFileSync(
    file,
    `import fcntl, os, pty, select, struct, sys, termios, time
r, w = os.pipe()
pid, fd = pty.fork()
if pid == 0:
    if sys.argv[1] == 'pipe': os.dup2(w, 1)
    os.execvp(sys.argv[2], sys.argv[2:])
os.close(w)
out = b''
fds = [fd, r]
resized = False
while fds:
    for ready in select.select(fds, [], [], 20)[0] or sys.exit('nothing came'):
        try: got = os.read(ready, 65536)
        except OSError: got = b''
        if not got: fds.remove(ready)
        elif ready == r or sys.argv[1] != 'pipe': out += got
    if not resized and b'first' in out:
        fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack('HHHH', 21, 43, 0, 0))
        resized = True
os.waitpid(pid, 0)
sys.stdout.buffer.write(out)
`,
  );
  const { stdout, stderr } = run('python3', [file, to, ...argv]);
  const [written, settings = ''] = stdout.split('SETTINGS');
  return { written: (written ?? '') + stderr, settings: settings.replaceAll('\r', '') };
}

const line =
  'printf "first\\nsecond\\n"; until [ "$(stty size 2>/dev/null)" = "21 43" ]; do :; done; printf SETTINGS; stty -a 2>/dev/null; stty size 2>/dev/null';
const terminal = (args: readonly string[]) =>
  commonBundle(args, (spec) => {
    spec.process!.terminal = true;
  });

/** Words and settings of a run and of an exec. */
async function both(runtime: PeerName, to: 'terminal' | 'pipe') {
  const ran = relayed(
    [...callOf(runtime), 'run', '--bundle', terminal(['/bin/sh', '-c', line]), testId()],
    to,
  );
  const bundle = commonBundle(['/bin/sleep', '1000']);
  searchable(bundle);
  const entered = await whileThere(runtime, ['run', '--detach', '--bundle', bundle], (id) =>
    relayed([...callOf(runtime), 'exec', '--tty', id, '/bin/sh', '-c', line], to),
  );
  return [ran, entered];
}

test('what is captured has the newlines that were written, and all settings are those under runc', async (context) => {
  needs(context, 'root', 'command:python3');
  const [ran, entered] = await both('ctr-run', 'pipe');
  for (const { written, settings } of [ran!, entered!]) {
    expect(written).toBe('first\nsecond\n');
    expect(settings).toMatch(/ -onlcr .*21 43\n$/s);
  }
  if (!beside({ runc: '1.1' }).includes('runc')) skip(context, 'runc is not installed');
  expect([ran, entered]).toEqual(await both('runc', 'pipe'));
});

test('at a terminal lines begin at the left, whoever does it; the rest of the settings is the same', async (context) => {
  needs(context, 'root', 'command:python3');
  const ours = await both('ctr-run', 'terminal');
  for (const { written, settings } of ours) {
    expect(written).toBe('first\r\nsecond\r\n');
    expect(settings).toMatch(/ onlcr .*21 43\n$/s);
  }
  // crun 1.8 tells a container’s terminal nothing of a new size.
  for (const peer of beside({ runc: '1.1', crun: '1.28' }).slice(1)) {
    const theirs = await both(peer, 'terminal');
    expect(
      theirs.map((t) => ({ ...t, settings: t.settings.replace(' -onlcr ', ' onlcr ') })),
      peer,
    ).toEqual(ours);
  }
});

test('who gets it by a socket finds it as the kernel makes it', (context) => {
  needs(context, 'root', 'command:python3');
  const flags = (runtime: PeerName): string => {
    const directory = tempDir('socket');
    const file = `${directory}/receive.py`;
    writeFileSync(
      file,
      `import array, os, socket, subprocess, sys, termios
path = sys.argv[1]
s = socket.socket(socket.AF_UNIX); s.bind(path); s.listen(1); s.settimeout(20)
made = subprocess.Popen(sys.argv[2:], stdin=subprocess.DEVNULL)
c, _ = s.accept()
_, data, _, _ = c.recvmsg(4096, socket.CMSG_SPACE(4))
fd = array.array('i'); fd.frombytes(data[0][2][:4])
print([f if isinstance(f, int) else [v.hex() if isinstance(v, bytes) else v for v in f] for f in termios.tcgetattr(fd[0])])
c.close(); made.wait()
`,
    );
    const id = testId();
    const socket = `${directory}/socket`;
    const argv = ['create', '--console-socket', socket, '--bundle', terminal(['/bin/true']), id];
    const ended = run('python3', [file, socket, ...callOf(runtime), ...argv]);
    run(callOf(runtime)[0]!, [...callOf(runtime).slice(1), 'delete', '--force', id]);
    return ended.stdout + ended.stderr;
  };
  const ours = flags('ctr-run');
  // c_oflag: OPOST | ONLCR.
  expect(ours).toMatch(/^\[\d+, 5, /);
  for (const peer of beside({ runc: '1.1', crun: '1.8' }).slice(1)) expect(flags(peer), peer).toBe(ours);
});
