/** Containers: `ctr-run run --network`, and the spec that net-join amends, under every runtime. */
import { beforeEach, describe, expect, test } from 'vitest';
import { needs } from '../../../test/support.ts';
import { NOTHING, outer } from './outer.ts';

const plugins = ['bridge', 'host-local', 'portmap', 'firewall'].map(
  (name) => `file:/usr/lib/cni/${name}` as const,
);

beforeEach((context) => needs(context, 'root', 'command:ip', 'command:iptables', 'command:perl', ...plugins));

/** A root with nothing of its own: this machine's programs, and the test's directory as /w. */
const ROOT = `
mkdir -p root/etc root/usr root/proc root/sys root/dev root/tmp root/w root/run
for l in bin sbin lib lib64; do [ -e /$l ] && ln -s usr/$l root/$l; done
cp /etc/passwd /etc/nsswitch.conf root/etc/; touch root/etc/hosts root/etc/resolv.conf
MOUNTS="-v /usr:/usr:ro -v $W:/w -v /etc/alternatives:/etc/alternatives:ro -v /etc/ld.so.cache:/etc/ld.so.cache:ro -v /etc/perl:/etc/perl:ro"
`;

describe('ctr-run run', () => {
  test('-p publishes a port of a container with a network, a name and what docker has in it', () => {
    const { lines, stderr } = outer(`${ROOT}
      ctr-run run -d --rm --name web -p 8080:80 --rootfs root $MOUNTS -- perl /w/serve.pl 80 /w/web >/dev/null
      until_ '[ -e ready-/w/web ] || ip netns exec client perl ask.pl 192.0.2.1 8080'
      ip netns exec client perl ask.pl 192.0.2.1 8080
      ctr-run run --network default --name app --rootfs root $MOUNTS -- sh -c 'hostname; getent hosts app | grep -c app; perl /w/ask.pl web 80; cat /etc/resolv.conf; ip -4 -br addr show eth0'
      unshare -m sh -c 'mount -t sysfs sys /sys; net-join --show' | sed -n '/^ctr0/,/^[└]/p;/^default/p'
      ctr-run kill web KILL; until_ 'ctr-run state web | grep -q stopped'; ctr-run delete web
      left`);
    expect(stderr).toBe('');
    expect(lines[0]).toBe('/w/web to ::ffff:192.0.2.2');
    expect(lines.slice(1, 3)).toEqual(['app', '1']);
    expect(lines[3]).toMatch(/^\/w\/web to (fd|::ffff:10\.91\.0\.3)/);
    expect(lines.slice(4, 6)).toEqual(['nameserver 192.0.2.53', 'search lab']);
    expect(lines[6]).toMatch(/^eth0@if\d+ +UP +10\.91\.0\.3\/16 *$/);
    expect(lines[7]).toMatch(/^ctr0 bridge 10\.91\.0\.1\/16 fd\S+::1\/64$/);
    expect(lines[8]).toMatch(/^└─veth\w+ ═ eth0 of web \(PID \d+\) 10\.91\.0\.2\/16 fd/);
    expect(lines[9]).toMatch(/^default +\d+ +web +10\.91\.0\.2\/16 \S+ +8080\/tcp→80$/);
    expect(lines.slice(10)).toEqual(NOTHING);
  });

  test('is shown with its interfaces, routes and ports, and a rule that is there', () => {
    const { lines, stderr } = outer(`${ROOT}
      ctr-run run -d --name web -p 8080:80 --rootfs root $MOUNTS -- sleep 1000 >/dev/null
      net-join --show=web >shown
      cat shown
      iptables -t nat -S $(grep -om1 'CNI-DN-[0-9a-f]*' shown) | grep -c 'DNAT --to-destination 10.91.0.2:80'
      ip -br link show $(grep -o 'veth[0-9a-f]*' shown) | grep -c UP
      ctr-run delete --force web
      net-join --show=web 2>&1 || :
      left`);
    expect(stderr).toBe('');
    const told = lines.map((line) =>
      line
        .trimEnd()
        .replaceAll(/(?<=\S) {2,}/g, '  ')
        .replaceAll(/CNI-DN-[\da-f]{21}/g, 'CHAIN')
        .replaceAll(/PID \d+/g, 'PID N')
        .replaceAll(/veth[\da-f]+/g, 'VETH')
        .replaceAll(/\bfd[\da-f:]+/g, 'SIX'),
    );
    expect(told.slice(0, 24)).toEqual([
      'web: PID N, network default',
      '',
      'INTERFACE  ADDRESSES',
      'lo  127.0.0.1/8 ::1/128',
      'eth0  10.91.0.2/16 SIX/64',
      '',
      'ROUTE  VIA  INTERFACE',
      'default  10.91.0.1  eth0',
      '10.91.0.0/16  -  eth0',
      'SIX/64  -  eth0',
      'default  SIX  eth0',
      '',
      'PORT  LEADS TO  RULE',
      '8080/tcp  10.91.0.2:80  CHAIN',
      '',
      'a packet to port 8080/tcp of this machine',
      '  │ nat PREROUTING, OUTPUT: CHAIN → 10.91.0.2:80',
      '  ▼',
      'ctr0 10.91.0.1',
      '  │ VETH',
      '  ╪ ── the namespace of PID N ──',
      '  │ eth0',
      '  ▼',
      '10.91.0.2:80',
    ]);
    // The chain turns packets to it, and the interface of the picture is up; then all is gone.
    expect(told.slice(24, 26)).toEqual(['1', '1']);
    expect(told[26]).toContain('--show web: no container of that ID');
    expect(told.slice(27)).toEqual(NOTHING);
  });

  test('leaves nothing in the foreground, nor where it fails, and tells of a port that is taken', () => {
    const { lines } = outer(`${ROOT}
      ctr-run run -p 8080:80 --rootfs root $MOUNTS -- true; left
      c=0; ctr-run run -p 8080:80 --rootfs root $MOUNTS -- no-such 2>/dev/null || c=$?; echo $c; left
      perl serve.pl 8080 other & o=$!; until_ '[ -e ready-other ]'
      ctr-run run -p 8080:80 --rootfs root $MOUNTS -- true 2>&1 || :
      stop $o; ls /run/ctr-run 2>/dev/null || :`);
    expect(lines).toEqual([
      ...NOTHING,
      '127',
      ...NOTHING,
      'ctr-run: publish port 8080/tcp: a process of this machine listens on it (ss -lnp)',
    ]);
  });

  test('of a container that was killed with its supervisor is undone by delete, or by --gc', () => {
    const { lines } = outer(`${ROOT}
      for n in one two; do
        ctr-run run --name $n -p 8080:80 --rootfs root $MOUNTS -- sleep 1234 & s=$!
        until_ "pgrep -fx 'sleep 1234'"
        c=$(pgrep -fx 'sleep 1234' | tail -1); kill -9 $s; wait $s 2>/dev/null || :; kill -9 $c 2>/dev/null || :; until_ "! kill -0 $c"
        if [ $n = one ]; then ctr-run delete one; else net-join --gc; ctr-run delete two; fi
        left
      done`);
    expect(lines).toEqual([...NOTHING, ...NOTHING]);
  });

  test('says of flags that do not go together what is wrong', () => {
    const { lines } = outer(`${ROOT}
      ctr-run run -p 80 --network host --rootfs root -- true 2>&1 || :
      ctr-run run -p 80 --network none --rootfs root -- true 2>&1 || :
      ctr-run run --network nowhere --rootfs root -- true 2>&1 || :`);
    expect(lines).toEqual([
      'ctr-run: --publish is for a network of its own; leave out --network host',
      'ctr-run: --publish is for a network of its own; leave out --network none',
      'ctr-run: --network nowhere: no list in /etc/cni/net.d has that name; there is default, and a file has a slash',
    ]);
  });
});

describe('an amended spec', () => {
  test.for(['runc', 'crun', 'ctr-run'])('is run by %s', (runtime, context) => {
    if (runtime !== 'ctr-run') needs(context, `command:${runtime}`);
    const { lines, stderr } = outer(`${ROOT}
      # crun refuses a hybrid of both versions of cgroups.
      umount /sys/fs/cgroup/unified 2>/dev/null || :
      ctr-run spec --rootfs root $MOUNTS --hostname box -- sh -c 'ip -4 -br addr show eth0; getent hosts box | grep -c box; cat /etc/resolv.conf; exec perl /w/serve.pl 80 /w/box' \\
        | net-join -p 8080:80 | sed 's/"ociVersion": "[^"]*"/"ociVersion": "1.0.2"/' >config.json
      ${runtime} --root /run/state run box >out 2>&1 & s=$!
      until_ 'ip netns exec client perl ask.pl 192.0.2.1 8080' || cat out
      ip netns exec client perl ask.pl 192.0.2.1 8080
      ${runtime} --root /run/state kill box KILL; wait $s || :
      cat out
      ${runtime} --root /run/state delete -f box 2>/dev/null || :
      left`);
    expect(stderr).toBe('');
    expect(lines[0]).toBe('/w/box to ::ffff:192.0.2.2');
    expect(lines[1]).toMatch(/^eth0@if\d+ +UP +10\.91\.0\.2\/16 *$/);
    expect(lines.slice(2)).toEqual(['1', 'nameserver 192.0.2.53', 'search lab', ...NOTHING]);
  });

  test('is the same when it is amended twice, but for the last words', () => {
    const { lines } = outer(`
      ctr-run spec - | net-join -p 8080:80 >once; net-join -p 8080:80 <once >twice; cmp once twice && echo same
      net-join -p 9090:80 <once | grep -c net-join.*`);
    expect(lines).toEqual(['same', '4']);
  });
});
