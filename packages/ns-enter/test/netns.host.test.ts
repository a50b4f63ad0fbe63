/**
 * Names shared with ip-netns(8): what one makes the other lists, joins and removes. Each line of shell runs in a mount
 * namespace with a /run and an /etc of its own, so that no name stays.
 */
import { beforeEach, describe, expect, test } from 'vitest';
import { needs, run } from '../../../test/support.ts';

const PRELUDE = [
  'mount -t tmpfs run /run',
  'mount -t tmpfs etc /etc',
  'mkdir -p /etc/netns/blue',
  'echo "127.0.0.1 here" >/etc/hosts',
  'echo "nameserver 1.2.3.4" >/etc/resolv.conf',
  'mkdir /run/w',
  'cd /run/w',
].join('\n');

/** What the lines print, with both streams in one; each must succeed unless it says otherwise. */
function lines(script: string): string {
  const ended = run('unshare', ['--mount', '--', 'sh', '-ec', `${PRELUDE}\n${script}`, 'sh']);
  return ended.stdout + ended.stderr;
}

describe('a name of ip-netns(8)', () => {
  beforeEach((context) => needs(context, 'root', 'command:ip'));

  test('that ip made is joined by name, as by ip netns exec', () => {
    const [theirs, ours, byFile] = lines(
      'ip netns add blue; ip netns exec blue readlink /proc/self/ns/net; ns-enter --net=blue readlink /proc/self/ns/net; ns-enter --net=/run/netns/blue readlink /proc/self/ns/net',
    ).split('\n');
    expect(theirs).toMatch(/^net:\[\d+\]$/);
    expect([ours, byFile]).toEqual([theirs, theirs]);
  });

  test('goes before a file of that name in the working directory, which ./ names', () => {
    const [named, here, first] = lines(
      'ip netns add blue; ip netns add red; : >blue; mount --bind /run/netns/red blue; ' +
        'for n in blue ./blue; do ns-enter --net=$n readlink /proc/self/ns/net; done; ip netns exec blue readlink /proc/self/ns/net',
    ).split('\n');
    expect(named).toBe(first);
    expect(here).not.toBe(first);
  });

  test('that nobody has is said so', () => {
    expect(lines('ns-enter --net=green true || echo $?')).toBe(
      '125\nns-enter: join the net namespace green: there is none of this name in /run/netns (ip netns list), nor a file /run/w/green\n',
    );
  });

  test('that we pinned is listed, entered and deleted by ip without an error', () => {
    const said = lines(
      'ns-enter --new net=blue readlink /proc/self/ns/net; ip netns list; ip netns exec blue readlink /proc/self/ns/net; ip netns del blue; ip netns list; ls -A /run/netns',
    ).split('\n');
    expect(said).toEqual([said[0], 'blue', said[0], '']);
    expect(said[0]).toMatch(/^net:/);
  });

  test('that either made goes by either, whoever made /run/netns a mount', () => {
    expect(
      lines(
        'ns-enter --new net=blue -- true; ip netns add red; ns-enter --new net=/run/netns/green -- true; ip netns list | sort | tr "\\n" " "; ' +
          'ns-enter --unpin /run/netns/red; ip netns del blue; ns-enter --unpin /run/netns/green; ip netns list; ls -A /run/netns',
      ),
    ).toBe('blue green red ');
  });

  test('is not pinned twice, and a file with something in it is not taken', () => {
    expect(
      lines(
        'ip netns add blue; ns-enter --new net=blue -- true || :; echo mine >/run/w/file; ns-enter --new net=/run/w/file -- true || cat /run/w/file; ip netns list',
      ),
    ).toBe(
      'mine\nblue\n' +
        'ns-enter: pin the net namespace on /run/netns/blue: a namespace is pinned there already; ns-enter --unpin /run/netns/blue, or ip netns del, lets it go\n' +
        'ns-enter: pin the net namespace on /run/w/file: it is there, and is not an empty file\n',
    );
  });

  test('has its place for itself: --pin into the directory, of which ip would say errors, is refused', () => {
    // What ip says of a directory there.
    expect(lines('mkdir -p /run/netns/lab; ip netns list')).toContain('invalid');
    for (const dir of ['/run/netns', '/run/netns/lab'])
      expect(lines(`ns-enter --new net --pin ${dir} -- true || ls -A`)).toBe(
        `ns-enter: --pin ${dir}: each file there is a network namespace of ip-netns(8); pin one with --new net=/run/netns/NAME\n`,
      );
  });

  test('with --netns has the /sys and the /etc that ip netns exec gives it', () => {
    const look =
      'sh -c \'ls /sys/class/net; cat /etc/hosts /etc/resolv.conf; grep " /sys " /proc/self/mountinfo | cut -d" " -f6\'';
    const made = 'ip netns add blue; echo "127.0.0.1 inside" >/etc/netns/blue/hosts;';
    const theirs = lines(`${made} ip netns exec blue ${look}`);
    expect(theirs).toContain('inside');
    expect(lines(`${made} ns-enter --netns blue ${look}`)).toBe(
      theirs.replace(/rw,relatime/, 'rw,nosuid,nodev,noexec,relatime'),
    );
    // Joining alone shows the host's.
    expect(lines(`${made} ns-enter --net=blue ${look}`)).toContain('here');
  });

  test('leaves out a file that has no counterpart in /etc, and says so', () => {
    const made = 'ip netns add blue; echo x >/etc/netns/blue/other;';
    expect(lines(`${made} ip netns exec blue echo ran`)).toMatch(/^ran\nBind .*other.* failed: No such file/);
    expect(lines(`${made} ns-enter --netns blue echo ran`)).toBe(
      'ran\nns-enter: /etc/netns/blue/other is left out: there is no /etc/other to bind it on\n',
    );
  });
});

describe('a kind pinned on one file', () => {
  beforeEach((context) => needs(context, 'root'));

  test.each(['net', 'uts', 'ipc', 'mount', 'user', 'cgroup', 'time', 'pid'])(
    '%s, as unshare pins it',
    (kind) => {
      const entry = `/proc/self/ns/${kind === 'mount' ? 'mnt' : kind}`;
      const join = kind === 'pid' ? '' : `; nsenter --preserve-credentials --${kind}=file readlink ${entry}`;
      const prepare = 'mkdir d; mount -t tmpfs d d; mount --make-private d; cd d; : >file';
      // Of util-linux 2.38 the child, which binds, is in the new user namespace already; and a mount namespace that the
      // kernel numbers below the own one cannot be bound, which happens by chance (Linux 6.18).
      const theirs =
        kind === 'user' || kind === 'mount'
          ? []
          : [lines(`${prepare}; unshare --fork --${kind}=file readlink ${entry}${join}`)];
      const ours = lines(
        `${prepare}; ns-enter --new ${kind}=./file readlink ${entry}${join}; ns-enter --unpin file; ls -A`,
      );
      for (const said of [...theirs, ours]) {
        const [first, ...rest] = said.trim().split('\n');
        expect(first).toMatch(/^[a-z]+:\[\d+\]$/);
        // A PID namespace whose first process has ended takes no other.
        expect(rest).toEqual(kind === 'pid' ? [] : [first]);
      }
    },
  );

  test('of a mount namespace in a shared mount is refused before anything is made', () => {
    const prepare = 'mkdir d; mount -t tmpfs d d; mount --make-shared d; cd d';
    expect(lines(`${prepare}; : >f; unshare --mount=f true || echo $?`)).toContain('Invalid argument');
    expect(lines(`${prepare}; ns-enter --new mount=sub/f true || ls -A`)).toMatch(
      /^ns-enter: pin the mount namespace on .* lies in a shared mount, where none can be bound/,
    );
  });

  test('of a mount namespace, in one that is not the first, whichever CPU numbers it', () => {
    const made = 'd; mount -t tmpfs d d; mount --make-private d; cd d; i=0';
    const again =
      'while [ $((i += 1)) -le 12 ]; do ns-enter --new mount=./f true; ns-enter --unpin f; ns-enter --new mount --pin p true; ns-enter --unpin p; done';
    expect(lines(`mkdir ${made}; ${again}; ls -A`)).toBe('');
  });

  test('that fails leaves neither file nor directory', () => {
    for (const flags of ['--new net=a/b/c --wdns /nowhere', '--new net --pin a/b/c --wdns /nowhere'])
      expect(lines(`ns-enter ${flags} true || ls -A`)).toMatch(/^ns-enter: enter \/nowhere: .*\n$/);
    // The directories were there for somebody; a failure after the first bind undoes that as well.
    expect(lines('echo x >file; ns-enter --new uts=a/b,net=file/c -- true || ls -A')).toMatch(
      /^file\nns-enter: /,
    );
  });

  test('whose mount is gone is not taken for one, and a file of others stays', () => {
    expect(lines(': >file; ns-enter --unpin file || ls')).toBe(
      'file\nns-enter: unpin /run/w/file: no namespace is pinned there\n',
    );
    expect(lines('echo mine >file; unshare --uts=file true; ns-enter --unpin file; cat file')).toBe('mine\n');
  });
});

test('files of --new belong to a command, and neither to a spec nor beside --pin', (context) => {
  needs(context, 'root');
  const refused = (args: string) =>
    run('ns-enter', args.split(' '), { input: '{"ociVersion":"1.0.0"}' }).stderr;
  expect(refused('--new net=/run/x')).toContain('a spec cannot say it');
  expect(refused('--new net=/run/x --pin /run/y true')).toContain('--pin and --new KIND=FILE');
  expect(refused('--new net= true')).toContain('one kind and one file');
  expect(refused('--new all=/run/x true')).toContain('one kind and one file');
  expect(refused('--netns a/b true')).toContain('has no slash');
  expect(refused('--netns a --net=b true')).toContain('do not go together');
});
