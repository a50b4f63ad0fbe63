/** Plugins that fail or hang, many at once, and supervisors that are killed: nothing of it stays. */
import { beforeEach, describe, expect, test } from 'vitest';
import { needs } from '../../../test/support.ts';
import { NOTHING, outer } from './outer.ts';

const plugins = ['bridge', 'host-local', 'portmap', 'firewall'].map(
  (name) => `file:/usr/lib/cni/${name}` as const,
);

beforeEach((context) => needs(context, 'root', 'command:ip', 'command:iptables', 'command:perl', ...plugins));

/** A network whose last plugin is a script of the test's own. */
const withPlugin = (script: string): string => `
mkdir plugins; cat >plugins/odd <<'EOF'
#!/bin/sh
W=HERE
echo "$CNI_COMMAND $CNI_CONTAINERID" | cut -d' ' -f1 >>"$W/called"
cat >"$W/stdin-$CNI_COMMAND"
${script}
EOF
sed -i "s|^W=HERE|W=$W|" plugins/odd; chmod +x plugins/odd; export CNI_PATH="$W/plugins"
cat >lab.conflist <<'EOF'
{"cniVersion":"1.0.0","name":"lab","plugins":[
 {"type":"bridge","bridge":"lab0","isGateway":true,"ipMasq":true,"ipam":{"type":"host-local","subnet":"10.200.0.0/24","dataDir":"/run/ctr-tools/net/leases"}},
 {"type":"portmap","capabilities":{"portMappings":true}},
 {"type":"odd","capabilities":{"portMappings":true}}]}
EOF
`;

describe('a plugin', () => {
  test('that fails in the middle has those before it undone, and is told in its own words', () => {
    const { lines } =
      outer(`${withPlugin('[ $CNI_COMMAND = DEL ] || { echo \'{"code":7,"msg":"no \\"odd\\" today"}\'; exit 1; }')}
      c=0; net-join --network ./lab.conflist -p 8080:80 -- echo never 2>&1 || c=$?; echo $c
      tr '\\n' ' ' <called; echo
      grep -o '"prevResult":{' stdin-ADD; grep -o '"runtimeConfig":{[^}]*}' stdin-ADD; grep -c capabilities stdin-ADD || :
      left`);
    expect(lines).toEqual([
      expect.stringMatching(
        /^net-join: join the network lab \(bridge, portmap, odd\): \/.*\/plugins\/odd: no "odd" today$/,
      ),
      '125',
      'ADD DEL ',
      '"prevResult":{',
      '"runtimeConfig":{"portMappings":[{"hostPort":8080,"containerPort":80,"protocol":"tcp"}',
      '0',
      ...NOTHING,
    ]);
  });

  test('that hangs is ended after its time, with what it started', () => {
    const { lines } = outer(`${withPlugin('[ $CNI_COMMAND = DEL ] || { sleep 1234 & sleep 1234; }')}
      c=0; net-join --network ./lab.conflist --plugin-timeout 1 -- echo never 2>&1 || c=$?; echo $c
      pgrep -fx 'sleep 1234' || echo ended
      left`);
    expect(lines).toEqual([
      expect.stringMatching(/plugins\/odd did not end in time and was killed$/),
      '125',
      'ended',
      ...NOTHING,
    ]);
  });

  test('that prints without end is ended', () => {
    const { lines } = outer(`${withPlugin('[ $CNI_COMMAND = DEL ] || yes')}
      net-join --network ./lab.conflist -- echo never 2>&1 || :
      left`);
    expect(lines).toEqual([
      expect.stringMatching(/plugins\/odd printed more than 1048576 bytes and was killed$/),
      ...NOTHING,
    ]);
  });

  test('that is missing is named with its package before anything is made', () => {
    const { lines } = outer(`
      echo '{"cniVersion":"1.0.0","name":"lab","plugins":[{"type":"nosuch","ipam":{"type":"host-local"}},{"type":"other"}]}' >lab.conflist
      net-join --network ./lab.conflist -- true 2>&1 || :
      ls /run/ctr-tools 2>&1`);
    expect(lines[0]).toMatch(
      /^net-join: network lab: the plugins nosuch, other are not in \/usr\/lib\/cni, .*; install containernetworking-plugins \(Debian\), or say where in CNI_PATH$/,
    );
    expect(lines[1]).toMatch(/No such file/);
  });

  test('whose DEL fails is told, and the record stays for --gc', () => {
    const { lines } =
      outer(`${withPlugin('[ $CNI_COMMAND = ADD ] && sed "s/.*prevResult\\":\\(.*\\)}$/\\1/" "$W/stdin-ADD" && exit; [ -e "$W/mended" ] || { echo \'{"msg":"not now"}\'; exit 1; }')}
      net-join --network ./lab.conflist -p 8080:80 -- true 2>&1 || :
      ls /run/ctr-tools/net/records | wc -l
      touch mended; net-join --gc; left`);
    expect(lines).toEqual([
      expect.stringMatching(/^net-join: leave the network lab: .*\/odd: not now$/),
      expect.stringMatching(/records\/\S+: it stays, for it says what else is still to be removed$/),
      '1',
      ...NOTHING,
    ]);
  });
});

describe('a supervisor', () => {
  test('that a signal ends while plugins run undoes them', () => {
    const { lines } = outer(`${withPlugin('[ $CNI_COMMAND = DEL ] || { touch "$W/there"; sleep 1234; }')}
      net-join --network ./lab.conflist -p 8080:80 -- echo never & s=$!
      until_ '[ -e there ]'
      stop $s
      left`);
    expect(lines).toEqual(NOTHING);
  });

  test('that is killed leaves what --gc undoes, once the command has ended', () => {
    const { lines } = outer(`
      net-join --name web -p 8080:80 -- sleep 1234 & s=$!
      until_ 'pgrep -fx "sleep 1234"'
      kill -9 $s; wait $s 2>/dev/null || :
      net-join --gc; pgrep -fx "sleep 1234" >/dev/null && ls /run/ctr-tools/net/ports
      c=$(pgrep -fx "sleep 1234"); kill $c; until_ "! kill -0 $c"
      net-join -p 8080:80 -- true 2>&1 || :
      net-join --show | grep default
      net-join --gc
      left`);
    expect(lines.slice(0, 2)).toEqual([
      'tcp-8080-any',
      'net-join: publish port 8080/tcp: web had it, which has ended; net-join --gc frees it',
    ]);
    expect(lines[2]).toMatch(/^default +ended +web +10\.91\.0\.2\/16 \S+ +8080\/tcp→80$/);
    expect(lines.slice(3)).toEqual(NOTHING);
  });

  test('that is killed in the midst of ADD leaves what --gc undoes', () => {
    const { lines } = outer(`${withPlugin('[ $CNI_COMMAND = DEL ] || { touch "$W/there"; sleep 1234; }')}
      net-join --network ./lab.conflist -p 8080:80 -- echo never & s=$!
      until_ '[ -e there ]'
      kill -9 $s; wait $s 2>/dev/null || :
      until_ '! pgrep -fx "sleep 1234"'
      ls /run/ctr-tools/net/records | wc -l
      until_ 'net-join --gc; [ -z "$(ls /run/ctr-tools/net/records)" ]'
      left`);
    expect(lines).toEqual(['1', ...NOTHING]);
  });
});

test('fifty at once on one bridge have fifty addresses', () => {
  const { lines, stderr } = outer(
    `
    mkfifo go
    for i in $(seq 50); do net-join --name n$i -- sh -c 'ip -4 -o addr show eth0 | cut -d" " -f7; touch here-$$; read x <go' & done
    until_ '[ $(ls here-* | wc -l) = 50 ]' || until_ '[ $(ls here-* | wc -l) = 50 ]' || until_ '[ $(ls here-* | wc -l) = 50 ]'
    grep -c '^10' /run/ctr-tools/net/files/hosts-default
    : >go; wait
    left`,
    { timeout: 300_000 },
  );
  expect(stderr).toBe('');
  expect(new Set(lines.filter((line) => /^10\.91\.0\.\d+\/16$/.test(line))).size).toBe(50);
  expect(lines.slice(50)).toEqual(['50', ...NOTHING]);
});
