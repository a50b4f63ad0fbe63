/** Blocks of commands in Markdown: they are run as they stand there, and what they print is compared. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { partsOf } from '../packages/ctr-run/src/tour/page.ts';
import { tempDir } from './support.ts';

/** Blocks that are indented by four, those lines of one that a backslash continues made one. */
export function indentedBlocks(page: string): string[][] {
  const lines = page.split('\n');
  const isOf = (line: string | undefined): boolean => line?.startsWith('    ') ?? false;
  return lines.flatMap((line, begin) => {
    if (!isOf(line) || isOf(lines[begin - 1])) return [];
    const end = lines.findIndex((other, at) => at > begin && !isOf(other));
    const block = lines.slice(begin, end < 0 ? lines.length : end).map((one) => one.slice(4));
    return [
      block
        .join('\n')
        .replace(/\\\n */g, '')
        .split('\n'),
    ];
  });
}

/** The commands of a page's fenced blocks, with what is expected of each. */
export const fencedBlocks = (page: string) => partsOf(page).filter((part) => part.kind === 'block');

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** A line as it stands in a page: `…` is anything, a number of four digits or more any number, blanks are any blanks. */
function patternOf(line: string): string {
  if (line === '…') return '(?:.*\\n)*?';
  const words = escaped(line.trimStart())
    .replace(/(?<!\w)\d{4,}(?!\w)/g, '\\d+')
    .replace(/[ \t]+/g, '[ \\t]+')
    .replaceAll('…', '.*');
  return `[ \\t]*${words}[ \\t]*\\n`;
}

/** Whether what a command has printed is what the page says. A line `…` stands for any number of lines. */
export function agrees(expected: readonly string[], printed: string): boolean {
  const text = printed === '' || printed.endsWith('\n') ? printed : `${printed}\n`;
  return new RegExp(`^${expected.map(patternOf).join('')}$`).test(text);
}

/** Variables by which podman keeps its images in a directory of the test's, and works without systemd. */
export function podmanOfOurs(): Record<string, string> {
  const home = tempDir('blocks-podman');
  const runtime = spawnSync('runc', ['--version']).error ? '' : 'runtime = "runc"\n';
  writeFileSync(
    join(home, 'storage.conf'),
    `[storage]\ndriver = "vfs"\ngraphroot = "${home}/root"\nrunroot = "${home}/run"\n`,
  );
  // By default podman asks for limits that a root without CAP_SYS_RESOURCE may not give.
  writeFileSync(
    join(home, 'containers.conf'),
    `[engine]\ncgroup_manager = "cgroupfs"\nevents_logger = "file"\ntmp_dir = "${home}/tmp"\n${runtime}` +
      '[containers]\ndefault_ulimits = ["nofile=1024:1024", "nproc=4096:4096"]\n',
  );
  return {
    CONTAINERS_STORAGE_CONF: join(home, 'storage.conf'),
    CONTAINERS_CONF: join(home, 'containers.conf'),
    PODMAN_IGNORE_CGROUPSV1_WARNING: '1',
  };
}
