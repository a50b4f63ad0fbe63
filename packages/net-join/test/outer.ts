/**
 * A machine of a test's own: network and mount namespaces with a /run and leases of their own, a bridge-less host `192.0.2.1`
 * and beside it `client`, `192.0.2.2`, who is outside. Nothing that plugins make touches the machine that the tests run on.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Ended, type RunOptions, run, tempDir, toolEnv } from '../../../test/support.ts';

const PRELUDE = `
mount --make-rprivate /
mount -t tmpfs run /run
mkdir -p /var/lib/cni /etc/cni/net.d
mount -t tmpfs cni /var/lib/cni
mount -t tmpfs lists /etc/cni/net.d
printf 'nameserver 127.0.0.53\\nnameserver 192.0.2.53\\nsearch lab\\n' >/run/resolv.conf
mount --bind /run/resolv.conf /etc/resolv.conf
ip link set lo up
ip netns add client
ip link add up0 type veth peer name up1 netns client
ip addr add 192.0.2.1/24 dev up0
ip addr add 2001:db8::1/64 dev up0 nodad
ip link set up0 up
ip -n client addr add 192.0.2.2/24 dev up1
ip -n client addr add 2001:db8::2/64 dev up1 nodad
ip -n client link set lo up
ip -n client link set up1 up
cd "$W"
# Wait until something is so.
until_() { for i in $(seq 600); do if eval "$1" >/dev/null 2>&1; then return 0; fi; sleep 0.02; done; echo "in vain: $1"; return 1; }
stop() { { kill "$@"; wait "$@"; } 2>/dev/null || :; }
# What is left of those that joined: interfaces, rules, files.
left() {
  ip -o link | grep -c veth || :
  { iptables-save; ip6tables-save; } 2>/dev/null | grep -E '^-A|^:' | grep -vE '^:[A-Z]+ |^:CNI-(HOSTPORT-|FORWARD|ADMIN)|--dst-type LOCAL|portfwd|MASQ -m mark|--comment "CNI firewall plugin' || :
  find /run/ctr-tools/net/records /run/ctr-tools/net/ports /run/ctr-tools/net/leases/*/[0-9a-f]* /var/lib/cni -mindepth 1 ! -name 'last*' ! -name lock 2>/dev/null || :
  find /run/ctr-tools/net/leases -name '[0-9]*.[0-9]*' -o -name 'fd*' 2>/dev/null || :
  grep -v '^#' /run/ctr-tools/net/files/hosts-* 2>/dev/null | grep -v localhost || :
  grep -c nsfs /proc/self/mountinfo || :
}
`;

/** Servers and clients, with the perl that every Debian has. */
const PROGRAMS: Readonly<Record<string, string>> = {
  // Answers each who connects with where they come from, and its own words.
  'serve.pl': `use IO::Socket::IP; $| = 1;
my ($port, $words) = @ARGV;
my $s = IO::Socket::IP->new(Listen => 20, LocalHost => '::', V6Only => 0, LocalPort => $port, ReuseAddr => 1) or die "serve: $@";
if (open(my $f, '>', "ready-$words")) { close $f }
while (my $c = $s->accept) { print $c "$words to " . $c->peerhost . "\\n"; close $c }`,
  'serve-udp.pl': `use IO::Socket::IP;
my ($port, $words) = @ARGV;
my $s = IO::Socket::IP->new(Proto => 'udp', Type => SOCK_DGRAM, LocalHost => '0.0.0.0', LocalPort => $port) or die "serve: $@";
if (open(my $f, '>', "ready-$words")) { close $f }
while (defined $s->recv(my $in, 100)) { $s->send("$words heard $in") }`,
  'ask.pl': `use IO::Socket::IP;
my ($host, $port) = @ARGV; my $c;
$c = IO::Socket::IP->new(PeerHost => $host, PeerPort => $port, Timeout => 10) or die "ask $host: $@\\n";
print <$c>`,
  'ask-udp.pl': `use IO::Socket::IP; $SIG{ALRM} = sub { die "no answer\\n" }; alarm 10;
my ($host, $port) = @ARGV;
my $c = IO::Socket::IP->new(Proto => 'udp', Type => SOCK_DGRAM, PeerHost => $host, PeerPort => $port) or die "ask: $@";
$c->send("hello"); $c->recv(my $in, 100); print "$in\\n"`,
};

export interface Outer extends Ended {
  lines: string[];
}

/** Run lines of shell there; what they print, and how they ended. */
export function outer(script: string, options: RunOptions = {}): Outer {
  const work = tempDir('net');
  for (const [name, text] of Object.entries(PROGRAMS)) writeFileSync(join(work, name), text);
  const env = { ...toolEnv({ W: work }), ...options.env };
  const ended = run(
    'unshare',
    [
      '--net',
      '--mount',
      '--pid',
      '--fork',
      '--kill-child',
      '--mount-proc',
      'sh',
      '-ec',
      `${PRELUDE}\n${script}`,
      'sh',
    ],
    { timeout: 120_000, ...options, env },
  );
  return { ...ended, lines: ended.stdout.split('\n').slice(0, -1) };
}

/** What `left` prints where nothing is. */
export const NOTHING = ['0', '1'];
