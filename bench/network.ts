/**
 * `node bench/network.ts [ROUNDS]`: a container with a network and a published port, from start to end, as root, beside the
 * plugins of CNI alone: called by a shell, one after the other, with the same configurations (ADD, then DEL). Both
 * are in network and mount namespaces of the bench's own, so that nothing of it is seen outside.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Member } from '../packages/net-join/src/records.ts';
import { makeBundle } from './bundle.ts';
import { measure } from './measure.ts';
import { report } from './results.ts';

const ALLOWED = 15;
const INSIDE = 'CTR_BENCH_NETWORK';
const MACHINE = `
mount -t tmpfs -o mode=755 run /run
mkdir -p /var/lib/cni && mount -t tmpfs cni /var/lib/cni
mkdir -p /etc/cni/net.d && mount -t tmpfs lists /etc/cni/net.d
ip link set lo up
ip netns add hand
exec "$@"`;

if (process.env[INSIDE] === undefined) {
  const words = ['sh', '-ec', MACHINE, 'sh', process.execPath, ...process.argv.slice(1)];
  const { status } = spawnSync('unshare', ['--net', '--mount', '--propagation', 'private', ...words], {
    stdio: 'inherit',
    env: { ...process.env, [INSIDE]: '1' },
  });
  process.exit(status ?? 1);
}

const rounds = Number(process.argv[2] ?? 20);
const ctr = join(import.meta.dirname, '../dist/bin/ctr-run');
const directory = mkdtempSync(join(tmpdir(), 'ctr-bench-network-'));
const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

/** Lines of shell that call the plugins as the specification has it (section 3): forwards, then backwards. */
function byHand({ files, configs, env }: Member): string {
  const own = env.filter((word) => !/^CNI_(CONTAINERID|NETNS)=/.test(word));
  const given = [...own, 'CNI_CONTAINERID=hand', 'CNI_NETNS=/run/netns/hand'];
  const call = (i: number, result: boolean): string => {
    const head = configs[i]!.replace(/}\s*$/, '');
    const end = result ? `"$(printf ',"prevResult":%s}' "$r")"` : `'}'`;
    return `printf '%s%s' ${quote(head)} ${end} | ${files[i]}`;
  };
  return [
    'set -e',
    `export ${given.map(quote).join(' ')}`,
    'export CNI_COMMAND=ADD',
    ...files.map((_, i) => `r=$(${call(i, i > 0)})`),
    'export CNI_COMMAND=DEL',
    ...files.map((_, i) => call(i, true)).toReversed(),
  ].join('\n');
}

try {
  const bundle = makeBundle(directory, ['/bin/true'], ['true', 'sleep']);
  const run = [ctr, 'run', '--rootfs', `${bundle}/rootfs`];
  const network = ['--network', 'default', '-p', '8080:80'];
  // What the plugins are given is read from what the tool keeps of a container that has a network.
  const named = ['-d', '--name', 'asked', ...network, '--', '/bin/sleep', '1000'];
  execFileSync(run[0]!, [...run.slice(1), ...named], { stdio: ['ignore', 'ignore', 'inherit'] });
  const [state] = execFileSync('find', ['/run/ctr-tools/net/records', '-name', 'state.json'], {
    encoding: 'utf8',
  }).split('\n');
  const member = JSON.parse(readFileSync(state!, 'utf8')) as Member;
  execFileSync(ctr, ['delete', '--force', 'asked'], { stdio: 'inherit' });
  const script = join(directory, 'hand.sh');
  writeFileSync(script, byHand(member));
  const [plugins, plain, joined] = ['plugins by hand', 'ctr-run run', 'ctr-run run -p 8080:80'] as const;
  const rows = measure(
    [
      { name: plugins, argv: ['sh', script] },
      { name: plain, argv: [...run, '--', '/bin/true'] },
      { name: joined, argv: [...run, ...network, '--', '/bin/true'] },
    ],
    rounds,
    2,
    directory,
  );
  report('network', 'start to end', member.files.map((file) => file.split('/').pop()).join(', '), rows, [
    { ours: joined, theirs: plugins },
  ]);
  const median = (name: string): number => rows.find((row) => row.name === name)!.median;
  const more = median(joined) - median(plugins);
  const aim = `aim: at most ${ALLOWED}${more > ALLOWED ? '; not met' : ''}`;
  process.stdout.write(`${joined} takes ${more.toFixed(1)} ms more than ${plugins} (${aim})\n`);
} finally {
  rmSync(directory, { recursive: true, force: true });
}
