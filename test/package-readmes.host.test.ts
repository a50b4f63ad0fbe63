/**
 * The blocks in the READMEs of packages. What a tool's usage names is in its help; a line of an example is run as it stands
 * there, in a directory with what it names, or is held by the test that is named for it. A line that is new there fails
 * until it has its place here.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { layout, tar } from '../packages/ufs-mount/test/archives.ts';
import { indentedBlocks } from './blocks.ts';
import { isRoot, lacking, needs, run, runTool, tempDir, toolEnv, toolPath, top } from './support.ts';

const pages = readdirSync(join(top, 'packages')).flatMap((name) => {
  const path = join(top, 'packages', name, 'README.md');
  return existsSync(path) ? [{ name, blocks: indentedBlocks(readFileSync(path, 'utf8')) }] : [];
});

/** A usage has words for what a person puts there, and is all of one tool's. */
const isUsage = (name: string, block: readonly string[]): boolean =>
  block.every((line) => line.startsWith(`${name} `)) && /\[[A-Z]+\]|\b[A-Z]{3,}\b/.test(block[0]!);
const usages = pages.flatMap(({ name, blocks }) =>
  blocks.filter((block) => isUsage(name, block)).map((block) => [name, block.join('\n')] as const),
);
const lines = pages.flatMap(({ name, blocks }) =>
  blocks
    .filter((block) => !isUsage(name, block))
    .flatMap((block) => block.map((line) => [name, line] as const)),
);

const work = tempDir('package-readmes');
const web = `ctr-test-web-${process.pid}`;

const shell = (line: string): string => {
  const { stdout, stderr } = run('sh', ['-c', line], {
    cwd: work,
    env: {
      ...toolEnv(),
      PATH: `${join(work, 'bin')}${delimiter}${toolPath('.')}${delimiter}${process.env.PATH}`,
      CTR_STORE: join(work, 'store'),
    },
  });
  return stdout + stderr;
};

/** What a line does, or where that is tested. `change` puts in what the page leaves to the reader. */
type Held = { prints: RegExp; change?: (line: string) => string } | { by: string };
const busybox = (line: string): string =>
  line.replace(/^sudo /, '').replace(/-- sh\b.*/, '-- /bin/busybox echo inside');
const ours = (line: string): string => line.replace(/\bweb c1\b/, `web ${web}-1`);

const held: Readonly<Record<string, readonly [begin: string, how: Held][]>> = {
  'cg-limit': [
    ['cg-limit --memory 64M -- make', { prints: /^limit 67108864\n/m }],
    ['cg-limit --cpus 50% --pids-limit 20', { prints: /^pids 20\n/m }],
    ['cg-limit --io-max /dev/vda', { by: 'packages/cg-limit/test/limits.host.test.ts' }],
    [
      'ctr-run spec -- sh | cg-limit',
      {
        prints: /^inside\n/m,
        change: (line) =>
          line.replace('spec -- sh', `spec --rootfs ${work}/root -- /bin/busybox echo inside`),
      },
    ],
    ['cg-limit --nofile 4096', { prints: /^files 4096 core 0 nice 5\n/m }],
    [
      'cg-limit --update web',
      {
        prints: /memory[\s\S]*128/,
        change: (line) => `${line.replace(' web ', ` ${web} `)} && cg-limit --show=${web}`,
      },
    ],
    ['cg-limit --cgroup ::build.slice', { by: 'packages/cg-limit/test/systemd.vm.test.ts' }],
    ['cg-limit: the memory limit', { by: 'packages/cg-limit/test/limits.host.test.ts' }],
  ],
  'ctr-run': [
    [
      'ctr-run spec && sudo ctr-run run demo',
      {
        prints: /^inside\n/m,
        change: () =>
          `mkdir demo && cd demo && ln -s ../root rootfs && ctr-run spec && ` +
          `sed -i 's/"sh"/"\\/bin\\/busybox","echo","inside"/; s/"terminal": true/"terminal": false/' config.json && ctr-run run ${web}-demo`,
      },
    ],
    [
      'sudo ctr-run run --rootfs host',
      { prints: /^inside\n/m, change: (line) => busybox(line).replace('/bin/busybox ', '') },
    ],
    ['sudo ctr-run run --image', { prints: /^inside\n/m, change: busybox }],
    ['podman --runtime', { by: 'packages/ctr-run/test/engines/podman.host.test.ts' }],
    ['ctr-run doctor', { prints: /^root can make containers here/m }],
    ['sudo ctr-run top --all', { prints: /^\d+ containers? by cpu\n/m, change: busybox }],
    [
      'sudo ctr-run inspect docker:db',
      { prints: /^NAMESPACES[\s\S]*^WEIGHT/m, change: (line) => busybox(line).replace('docker:db', web) },
    ],
    ['PID 4711: ', { by: 'packages/ctr-run/test/inspect/inspect.host.test.ts' }],
    ['NAMESPACES ', { by: 'packages/ctr-run/test/inspect/inspect.host.test.ts' }],
    [' ', { by: 'packages/ctr-run/test/inspect/inspect.host.test.ts' }],
    [
      'ctr-run plan --why 44',
      {
        prints: /config\.json:\d+: hostname: "box"/,
        change: (line) =>
          ours(line).replace('44', `"$(ctr-run plan --bundle web x | awk '$3 == "hostname" { print $1 }')"`),
      },
    ],
    ['ctr-run plan --diff web other', { prints: /hostname/ }],
    ['ctr-run --debug --log run.log', { prints: /^inside\n/m, change: ours }],
    [
      'ctr-run plan --timings run.log',
      { prints: /^<svg/m, change: (line) => `${line}\nhead -c 300 run.svg` },
    ],
    ['ctr-run harden --rootfs ./web --output', { by: 'packages/ctr-run/test/harden/harden.host.test.ts' }],
    ['ctr-run harden --rootfs ./web --merge', { by: 'packages/ctr-run/test/harden/harden.host.test.ts' }],
    ['ctr-run run - < web.json', { prints: /^inside\n/m }],
  ],
  'img-pull': [
    ['img-pull alpine:3', { by: 'packages/img-pull/test/pull.host.test.ts' }],
    ['ufs-mount docker.io/', { by: 'packages/img-pull/test/pull.host.test.ts' }],
    ['ctr-run run --image docker.io/', { by: 'packages/img-pull/test/pull.host.test.ts' }],
  ],
  'ns-enter': [
    ['ns-enter --target 4711', { by: 'test/readme.host.test.ts' }],
    ['ns-enter --new mount,pid --root=', { by: 'test/into-a-root.host.test.ts' }],
    ['ns-enter --map-root-user', { prints: /^1: lo: .*UP/m }],
    [
      'ctr-run spec --rootfs host -- sh | ns-enter',
      { prints: /^inside\n/m, change: (line) => line.replace('-- sh |', "-- sh -c 'echo inside' |") },
    ],
    ['{"child-pid":', { by: 'packages/ns-enter/test/create.host.test.ts' }],
    ['{"exit-code":', { by: 'packages/ns-enter/test/create.host.test.ts' }],
  ],
  oci: [['config.json: linux.resources', { by: 'packages/oci/test/validate.test.ts' }]],
  'seccomp-load': [
    ['{ "log": true', { by: 'packages/seccomp-load/test/asking.host.test.ts' }],
    [' ', { by: 'packages/seccomp-load/test/asking.host.test.ts' }],
  ],
  'ufs-mount': [
    [
      'root=$(ufs-mount',
      {
        prints: /^inside\n/m,
        change: (line) => `${busybox(line)}; echo changed >"$root/new"; echo "$root" >mounted`,
      },
    ],
    ['ufs-mount --diff', { prints: /new/, change: (line) => `root=$(cat mounted); ${line}` }],
    [
      'ufs-mount --commit',
      {
        prints: /changed/,
        change: (line) => `root=$(cat mounted); ${line} && ufs-mount --tags oci:./alpine`,
      },
    ],
    [
      'ufs-mount --unmount "$root"',
      {
        prints: /^gone\n/m,
        change: (line) => `root=$(cat mounted); ${line}; mountpoint -q "$root" || echo gone`,
      },
    ],
    ['ufs-mount --explore oci:./alpine:3', { prints: /^0$/m, change: (line) => `${line}\necho $?` }],
  ],
};

const howOf = (name: string, line: string): Held | undefined =>
  held[name]?.find(([begin]) => (begin === '' ? line === '' : line.startsWith(begin)))?.[1];

beforeAll(() => {
  if (!isRoot || lacking('command:busybox') !== undefined) return;
  const program = readFileSync(['/bin/busybox', '/usr/bin/busybox'].find((path) => existsSync(path))!);
  const put = (path: string, text: string): void => writeFileSync(join(work, path), text, { mode: 0o755 });
  for (const path of ['bin', 'root', 'root/bin', 'web', 'other']) mkdirSync(join(work, path));
  writeFileSync(join(work, 'root/bin/busybox'), program, { mode: 0o755 });
  const limit = (v1: string, v2: string): string =>
    `for h in $(cut -d: -f2- /proc/self/cgroup | sed 's/:/ /;s/ /:/'); do ` +
    `cat "/sys/fs/cgroup/\${h%%:*}\${h#*:}/${v1}" "/sys/fs/cgroup\${h#*:}/${v2}" "/sys/fs/cgroup/unified\${h#*:}/${v2}" 2>/dev/null; done | head -n 1`;
  put('bin/make', `#!/bin/sh\necho "limit $(${limit('memory.limit_in_bytes', 'memory.max')})"\n`);
  put(
    'server',
    `#!/bin/sh\necho "pids $(${limit('pids.max', 'pids.max')})"\necho "files $(ulimit -n) core $(ulimit -c) nice $(nice)"\n`,
  );
  put('test', '#!/bin/sh\nip link show lo\n');
  const layer = tar([
    { name: 'bin/', type: '5' },
    { name: 'bin/busybox', data: program, mode: 0o755 },
  ]);
  layout([layer], { directory: join(work, 'alpine') });
  const spec = shell(`ctr-run spec --rootfs ${work}/root --hostname box -- /bin/busybox echo inside`);
  writeFileSync(join(work, 'web/config.json'), spec);
  writeFileSync(join(work, 'web.json'), spec);
  writeFileSync(join(work, 'other/config.json'), spec.replace('"box"', '"other"'));
  const made = shell(
    `ctr-run run --detach --rootfs host --id ${web} -- sleep 900 </dev/null >out 2>&1; echo $?`,
  );
  if (made !== '0\n') throw new Error(readFileSync(join(work, 'out'), 'utf8'));
});
afterAll(() => {
  if (isRoot) runTool('ctr-run', ['delete', '--force', web]);
});

test('every line has its place here, and every place its line', () => {
  expect(lines.filter(([name, line]) => !howOf(name, line))).toEqual([]);
  for (const [name, places] of Object.entries(held))
    for (const [begin, how] of places) {
      expect(
        lines.some(([of, line]) => of === name && (begin === '' ? line === '' : line.startsWith(begin))),
        `${name}: ${begin}`,
      ).toBe(true);
      if ('by' in how) expect(existsSync(join(top, how.by)), how.by).toBe(true);
    }
});

test.for(usages)('the flags that the usage of %s names are in its help', ([name, usage]) => {
  const help = runTool(name, ['--help']).stdout;
  const named = [...new Set(usage.match(/--[a-z][a-z-]+/g))];
  expect(named.length).toBeGreaterThan(0);
  expect(named.filter((flag) => !new RegExp(`${flag}(?![a-z-])`).test(help))).toEqual([]);
  for (const line of usage.split('\n')) expect(line.trim().split(' ')[0]).toBe(name);
});

describe('a line of a package’s README does what it is there for', () => {
  const run = lines.flatMap(([name, line]) => {
    const how = howOf(name, line);
    return how && 'prints' in how ? [[line, how] as const] : [];
  });
  test.for(run)('%s', ([line, { prints, change }], context) => {
    needs(context, 'root', 'command:busybox');
    expect(shell(change ? change(line) : line)).toMatch(prints);
  });
});
