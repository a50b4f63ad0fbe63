/**
 * `node bench/pull.ts [ROUNDS] [MB]`: an image of so many MB (350) in five layers, by gzip, from a registry on loopback, as root:
 * `img-pull` and `ufs-mount`, beside `skopeo copy` and `umoci unpack`, and `podman pull`. Each pulls into a place of its own,
 * and what was written is removed at the end of all rounds (bench/layers.ts says why).
 */
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { program } from '../packages/img-pull/test/registry.ts';
import { layout } from '../packages/ufs-mount/test/archives.ts';
import { type Contender, measure } from './measure.ts';
import { report } from './results.ts';

const bin = join(import.meta.dirname, '../dist/bin');
const [rounds = '3', megabytes = '350'] = process.argv.slice(2);
const LAYERS = 5;
const PORT = 5731;
const ref = `127.0.0.1:${PORT}/bench/image:1`;

/** Files of the machine's /usr, up to so many bytes, in lists of about the same size. */
function lists(bytes: number): string[][] {
  const all: string[][] = Array.from({ length: LAYERS }, () => []);
  let sum = 0;
  const walk = (path: string): void => {
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      if (sum >= bytes) return;
      const at = `${path}/${entry.name}`;
      if (entry.isDirectory()) walk(at);
      else if (entry.isFile()) {
        all[Math.min(LAYERS - 1, Math.floor((sum * LAYERS) / bytes))]!.push(at.slice(1));
        sum += statSync(at).size;
      }
    }
  };
  for (const path of ['/usr/lib', '/usr/bin', '/usr/share']) walk(path);
  return all;
}

/** With the directories above, as builders of images write them. */
function archive(files: readonly string[], at: string): Buffer {
  const above = new Set<string>();
  for (const file of files)
    for (let path = dirname(file); path !== '.' && !above.has(path); path = dirname(path)) above.add(path);
  writeFileSync(`${at}/list`, [...[...above].toSorted(), ...files].join('\0'));
  const words = ['-C', '/', '--no-recursion', '--null', '-T', `${at}/list`, '-cf', `${at}/layer.tar`];
  execFileSync('tar', words, { stdio: ['ignore', 'inherit', 'ignore'] });
  return readFileSync(`${at}/layer.tar`);
}

const place = mkdtempSync(join(tmpdir(), 'ctr-bench-pull-'));
const file = program();
if (typeof file !== 'string') throw new Error(file.lacks);
const config = {
  version: '0.1',
  log: { level: 'error' },
  storage: { filesystem: { rootdirectory: `${place}/registry` } },
  http: { addr: `127.0.0.1:${PORT}` },
};
writeFileSync(`${place}/config.yml`, JSON.stringify(config));
const registry = spawn(file, ['serve', `${place}/config.yml`], { stdio: 'ignore' });
try {
  mkdirSync(`${place}/image`);
  const layers = lists(Number(megabytes) * 1e6).map((files) => archive(files, place));
  layout(layers, { directory: `${place}/image` });
  await setTimeout(1000);
  execFileSync(`${bin}/img-pull`, ['--push', `oci:${place}/image:3`, ref, '--insecure']);
  const at = `${place}/at-@@`;
  const sh = (script: string): readonly string[] => ['sh', '-c', `at=${at}; ${script}`];
  const settle: Contender = { name: 'settle', argv: ['sync', '--file-system', place], untold: true };
  const ours = `env CTR_STORE=$at/store ${bin}`;
  const contenders: Contender[] = [
    { name: 'places', argv: ['mkdir', '-p', `${at}/root`], untold: true },
    settle,
    {
      name: 'skopeo copy, umoci unpack',
      argv: sh(
        `skopeo copy --quiet --src-tls-verify=false docker://${ref} oci:$at/layout:1 && umoci unpack --image $at/layout:1 $at/bundle >/dev/null 2>&1`,
      ),
    },
    settle,
    {
      name: 'podman pull',
      argv: sh(
        `podman --root $at/podman --runroot $at/run --storage-driver overlay pull --quiet --tls-verify=false ${ref} >/dev/null`,
      ),
    },
    settle,
    {
      name: 'img-pull, ufs-mount',
      argv: sh(
        `${ours}/img-pull --insecure ${ref} >/dev/null && exec ${ours}/ufs-mount docker://${ref} --target $at/root --temp >/dev/null`,
      ),
    },
    { name: 'unmount', argv: sh(`${ours}/ufs-mount --unmount $at/root`), untold: true },
  ];
  const rows = measure(contenders, Number(rounds), 0, place);
  report(
    'pull',
    'pulling an image',
    `${megabytes} MB in ${LAYERS} layers, from a registry on loopback`,
    rows,
    [
      { ours: 'img-pull, ufs-mount', theirs: 'skopeo copy, umoci unpack', atMost: 0.6 },
      { ours: 'img-pull, ufs-mount', theirs: 'podman pull', atMost: 0.8 },
    ],
  );
  const peak = Math.max(...rows.filter(({ name }) => name.startsWith('img-pull')).map((row) => row.peak));
  process.stdout.write(`most memory of img-pull: ${peak.toFixed(0)} MiB (aim: at most 100)\n`);
} finally {
  registry.kill('SIGKILL');
  rmSync(place, { recursive: true, force: true });
}
