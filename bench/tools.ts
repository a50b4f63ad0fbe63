/**
 * `node bench/tools.ts [ROUNDS]`: what a tool costs that only sets its own process up, beside the
 * program of the system that does the same, and what the two ways of composing tools cost: a chain, and
 * a pipe of specs into `ctr-run run -`. Interleaved in one run; it reports, and is not a test.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeBundle } from './bundle.ts';
import { type Contender, measure } from './measure.ts';
import { type Aim, report } from './results.ts';

const bin = join(import.meta.dirname, '../dist/bin');
const rounds = Number(process.argv[2] ?? 40);
const at = mkdtempSync(join(tmpdir(), 'ctr-bench-'));

const ours: readonly string[] = [
  'caps-drop --all -- true',
  'ns-enter --new net,uts -- true',
  'seccomp-load default -- true',
  'cg-limit --pids-limit 64 -- true',
  'ns-enter --new net,uts -- caps-drop --all -- seccomp-load default -- true',
  'cg-limit --pids-limit 64 -- caps-drop --all -- seccomp-load default -- true',
];
const setpriv = 'setpriv --bounding-set=-all --inh-caps=-all true';
const unshare = 'unshare -n -u true';
const both = 'unshare -n -u setpriv --bounding-set=-all --inh-caps=-all true';
const peers: readonly string[] = [setpriv, unshare, both, 'true'];

const aims: readonly Aim[] = [
  { ours: ours[0]!, theirs: setpriv, atMost: 2 },
  { ours: ours[1]!, theirs: unshare, atMost: 2 },
  { ours: ours[2]!, theirs: setpriv, atMost: 2 },
  { ours: ours[4]!, theirs: both, atMost: 2 },
];

try {
  makeBundle(at, ['/bin/true'], ['true']);
  const spec = execFileSync('cat', [`${at}/config.json`], { encoding: 'utf8' });
  writeFileSync(`${at}/spec.json`, spec.replace('"rootfs"', JSON.stringify(`${at}/rootfs`)));
  const pipe = [
    `${bin}/ns-enter --new net <${at}/spec.json`,
    `${bin}/cg-limit --memory 64M`,
    `${bin}/caps-drop --only net_bind_service`,
    `${bin}/seccomp-load default`,
    `${bin}/ctr-run run --id bench-pipe-@@ -`,
  ].join(' | ');
  const contenders: Contender[] = [
    ...ours.map((words) => ({ name: words, argv: `${bin}/${words}`.split(' ') })),
    ...peers.map((words) => ({ name: words, argv: words.split(' ') })),
    { name: 'four tools in a pipe of specs | ctr-run run -', argv: ['sh', '-c', pipe] },
  ];
  report('tools', 'start to end', '', measure(contenders, rounds, 3, at), aims);
} finally {
  rmSync(at, { recursive: true, force: true });
}
