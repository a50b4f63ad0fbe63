/**
 * `node bench/layers.ts [ROUNDS] [TREE...]`: unpacking layers, as root: one of the files in TREE (/usr/bin) by gzip and by
 * zstd, and 300 small ones, onto the disk (TMPDIR) and into a tmpfs (/dev/shm), beside `tar` with the same archives.
 * Each unpacks into a place of its own, and what was written is removed at the end of all rounds, never between them:
 * for half a minute ext4 passes over each inode that was freed (fs/ext4/ialloc.c, `recently_deleted`).
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Contender, measure } from './measure.ts';
import { type Aim, report } from './results.ts';

const bin = join(import.meta.dirname, '../dist/bin');
const [rounds = '3', ...trees] = process.argv.slice(2);
const SMALL = 300;

const forms = [
  { name: 'gzip', file: 'layer.tar.gz', most: 0.9 },
  { name: 'zstd', file: 'layer.tar.zst', most: 1 },
  { name: `${SMALL} small layers`, file: 'small', most: undefined },
] as const;

/** The archives, in a directory that is read from memory by all. */
function archives(at: string): void {
  const paths = (trees.length > 0 ? trees : ['/usr/bin']).map((path) => path.replace(/^\/+/, ''));
  const tar = ['-C', '/', '-cf', `${at}/layer.tar`, ...paths];
  execFileSync('tar', tar, { stdio: ['ignore', 'inherit', 'ignore'] });
  execFileSync('gzip', ['-k', `${at}/layer.tar`]);
  execFileSync('zstd', ['-q', `${at}/layer.tar`]);
  mkdirSync(`${at}/small`);
  mkdirSync(`${at}/tree/usr/share`, { recursive: true });
  for (let i = 0; i < SMALL; i++) {
    writeFileSync(`${at}/tree/usr/share/file-${i}`, String(i));
    execFileSync('tar', ['-C', `${at}/tree`, '-czf', `${at}/small/${i}.tar.gz`, `usr/share/file-${i}`]);
  }
}

/** What is done once in a round with archives of a form on one file system: tar's way, and ours. */
function pair(from: string, on: string, place: string, form: (typeof forms)[number]): Contender[] {
  const at = `${on}/${form.file}-@@`;
  const file = `${from}/${form.file}`;
  // The text of the round is put once into each word.
  const sh = (script: string): readonly string[] => ['sh', '-c', `at=${at}; ${script}`];
  const small = form.file === 'small';
  // Both read the files in the order of their names.
  const theirs = small
    ? sh(`for f in ${file}/*; do tar -xf "$f" -C $at/tar || exit; done`)
    : ['tar', '-xf', file, '-C', `${at}/tar`];
  const mount = `exec env CTR_STORE=$at/store ${bin}/ufs-mount`;
  const settle: Contender = { name: 'settle', argv: ['sync', '--file-system', on], untold: true };
  return [
    { name: 'places', argv: ['mkdir', '-p', `${at}/tar`, `${at}/root`], untold: true },
    settle,
    { name: `tar, ${form.name}, ${place}`, argv: theirs },
    settle,
    {
      name: `ufs-mount, ${form.name}, ${place}`,
      argv: sh(`${mount} ${small ? `${file}/*` : file} --target $at/root --temp >/dev/null`),
    },
    { name: 'unmount', argv: sh(`${mount} --unmount $at/root`), untold: true },
  ];
}

const disk = mkdtempSync(join(tmpdir(), 'ctr-bench-'));
const tmpfs = mkdtempSync('/dev/shm/ctr-bench-');
try {
  archives(disk);
  const places = [
    ['disk', disk],
    ['tmpfs', tmpfs],
  ] as const;
  const contenders = places.flatMap(([place, on]) => forms.flatMap((form) => pair(disk, on, place, form)));
  const aims = places.flatMap(([place]) =>
    forms.map(({ name, most }): Aim => {
      const aim = { ours: `ufs-mount, ${name}, ${place}`, theirs: `tar, ${name}, ${place}` };
      return most === undefined ? aim : { ...aim, atMost: most };
    }),
  );
  const rows = measure(contenders, Number(rounds), 0, disk);
  report('layers', 'unpacking layers', `of ${trees.length > 0 ? trees.join(' ') : '/usr/bin'}`, rows, aims);
  const peak = Math.max(...rows.filter(({ name }) => name.startsWith('ufs-mount')).map((row) => row.peak));
  process.stdout.write(`most memory of ufs-mount: ${peak.toFixed(0)} MiB (aim: at most 64)\n`);
} finally {
  rmSync(disk, { recursive: true, force: true });
  rmSync(tmpfs, { recursive: true, force: true });
}
