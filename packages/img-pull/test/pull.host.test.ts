/** Images of a real registry (Debian's docker-registry), into the store and elsewhere. */
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, type TestContext, test } from 'vitest';
import { needs, run, tempDir } from '../../../test/support.ts';
import { layout, tar } from '../../ufs-mount/test/archives.ts';
import { dir, file, opaque, root, white } from '../../ufs-mount/test/layers.ts';
import { treeOf } from '../../ufs-mount/test/tree.ts';
import { pullerAt, pushed, startRegistry, type TestRegistry } from './registry.ts';

const busybox = ['/bin/busybox', '/usr/bin/busybox'].find((path) => existsSync(path));

/** Three layers, of which the second hides something of the first. */
const layers = [
  tar([
    root,
    dir('bin'),
    ...(busybox ? [file('bin/busybox', readFileSync(busybox) as never, { mode: 0o755 })] : []),
    dir('etc'),
    file('etc/a'),
    file('etc/b'),
    dir('old'),
    file('old/x'),
  ]),
  tar([root, dir('etc'), white('etc/a'), file('etc/c'), dir('old'), opaque('old'), file('old/y')]),
  tar([root, dir('top'), file('top/file', 'x'.repeat(300_000))]),
];

let registry: TestRegistry | undefined;
const at = async (context: TestContext): Promise<string> => {
  registry ??= await startRegistry(context);
  return registry.host;
};
let source = '';
beforeAll(() => {
  source = layout(layers, { config: { Cmd: ['/bin/busybox', 'cat', '/etc/c'] } });
});

const image = async (context: TestContext, name = 'team/app:3', from = `oci:${source}:3`): Promise<string> =>
  pushed(context, from, await at(context), name);

/** Names in the store, without what is only a lock. */
const namesIn = (path: string): string[] =>
  existsSync(path) ? readdirSync(path).filter((name) => !name.endsWith('.lock')) : [];

describe('into the store', () => {
  test('an image is pulled, and has the layers that ufs-mount makes of it', async (context) => {
    const ref = await image(context);
    const { store, pull, ufs } = pullerAt();
    const pulled = await pull(ref, '--insecure');
    expect(pulled).toMatchObject({ status: 0, stderr: '' });
    expect(pulled.stdout).toMatch(/^127\.0\.0\.1:\d+\/team\/app@sha256:[0-9a-f]{64}\n$/);
    expect(namesIn(`${store}/layers`)).toHaveLength(3);
    expect(namesIn(`${store}/chains`)).toHaveLength(3);
    expect(namesIn(`${store}/images/blobs/sha256`)).toHaveLength(5);
    expect(readdirSync(`${store}/images/blobs`)).toEqual(['sha256']);
    expect(statSync(`${store}/images`).mode & 0o777).toBe(0o700);
    // What ufs-mount makes of the same image in a store of its own is the same, file by file.
    const other = pullerAt();
    expect((await other.ufs(`oci:${source}:3`, '--unpack', join(other.home, 'tree'))).stderr).toBe('');
    const unpacked = join(other.home, 'pulled');
    expect((await ufs(ref, '--unpack', unpacked)).stderr).toBe('');
    expect(treeOf(unpacked)).toEqual(treeOf(join(other.home, 'tree')));
    expect(readFileSync(join(unpacked, 'etc/c'), 'utf8')).toBe('etc/c');
    expect([existsSync(join(unpacked, 'etc/a')), existsSync(join(unpacked, 'old/x'))]).toEqual([
      false,
      false,
    ]);
  });

  test('layers are applied as they arrive: nothing is left to be made of them by a mount', async (context) => {
    const ref = await image(context);
    const { store, pull, ufs } = pullerAt();
    expect((await pull(ref, '--insecure')).stderr).toBe('');
    // Without their blobs they could not be made.
    for (const name of readdirSync(`${store}/images/blobs/sha256`)) {
      const path = `${store}/images/blobs/sha256/${name}`;
      if (
        readFileSync(path)
          .subarray(0, 2)
          .equals(Buffer.from([0x1f, 0x8b]))
      )
        writeFileSync(path, Buffer.alloc(readFileSync(path).length));
    }
    const seen = join(tempDir('seen'), 'tree');
    expect(await ufs(ref, '--unpack', seen)).toMatchObject({ status: 0, stderr: '' });
    expect(readFileSync(join(seen, 'etc/c'), 'utf8')).toBe('etc/c');
  });

  test('--list, --tree and --json show it; --remove and ufs-mount --gc take it away', async (context) => {
    const first = await image(context);
    const second = await image(context, 'team/other:1', `oci:${layout(layers.slice(0, 2))}:3`);
    const { store, pull, ufs } = pullerAt();
    const { status, stdout } = await pull(first, second, '--insecure');
    expect([status, stdout.trim().split('\n').length]).toEqual([0, 2]);
    const list = (await pull('--list')).stdout.split('\n');
    expect(list[0]).toMatch(/^IMAGE +DIGEST +PLATFORM +LAYERS +SIZE$/);
    expect(list[1]).toContain(`${first} `);
    expect(list[2]).toMatch(/team\/other:1 +sha256:[0-9a-f]{12} +linux\/\w+ +2 /);
    const { images } = JSON.parse((await pull('--list', '--json')).stdout) as { images: { name: string }[] };
    expect(images.map(({ name }) => name)).toEqual([first, second]);
    const tree = (await pull('--tree')).stdout;
    expect(tree.match(/in 2 images/g)).toHaveLength(4);
    // What an image of the list needs stays.
    expect((await ufs('--gc')).stdout.trim()).toBe('0 layers removed');
    expect(await pull('--remove', first)).toMatchObject({ status: 0, stderr: '' });
    expect((await ufs('--gc')).stdout.trim()).toBe('1 layer removed');
    expect(namesIn(`${store}/layers`)).toHaveLength(2);
    expect(namesIn(`${store}/images/blobs/sha256`)).toHaveLength(4);
    expect((await pull('--remove', first)).stderr).toMatch(/is not in the store .*--list shows what is\n$/);
    expect(await pull('--remove', second)).toMatchObject({ status: 0, stderr: '' });
    expect((await ufs('--gc')).stdout.trim()).toBe('2 layers removed');
    expect(namesIn(`${store}/images/blobs/sha256`)).toEqual([]);
  });

  test('a tag that means something else by then is pulled anew, and one by digest is not asked for', async (context) => {
    const ref = await image(context, 'team/moving:1');
    const { store, pull } = pullerAt();
    const before = (await pull(ref, '--insecure')).stdout.trim();
    await image(context, 'team/moving:1', `oci:${layout(layers.slice(1))}:3`);
    const after = (await pull(ref, '--insecure')).stdout.trim();
    expect(after).not.toBe(before);
    const { manifests } = JSON.parse(readFileSync(`${store}/images/index.json`, 'utf8')) as {
      manifests: { digest: string }[];
    };
    expect(manifests.map(({ digest }) => digest)).toEqual([after.slice(after.indexOf('@') + 1)]);
    // Without --insecure this registry cannot be asked at all.
    expect(await pull(after)).toMatchObject({ status: 0, stdout: `${after}\n`, stderr: '' });
    expect((await pull(before)).status).toBe(125);
  });

  test('of an index the platform is taken that is asked for, or that of this machine', async (context) => {
    needs(context, 'command:skopeo');
    const host = await at(context);
    const { pull, ufs } = pullerAt();
    const four = indexOfFour();
    const ref = pushed(context, `oci:${four}:all`, host, 'team/four:1', '--all');
    const pulled = await pull(ref, '--insecure');
    expect(pulled).toMatchObject({ status: 0, stderr: '' });
    const digest = run('sha256sum', [`${four}/blobs/sha256/${indexDigest(four)}`]).stdout.slice(0, 64);
    expect(pulled.stdout).toBe(`${ref.replace(/:1$/, '')}@sha256:${digest}\n`);
    const other = await pull(ref, '--insecure', '--platform', 'linux/riscv64');
    expect(other).toMatchObject({ status: 0, stdout: pulled.stdout });
    const { images } = JSON.parse((await pull('--list', '--json')).stdout) as {
      images: { platforms: string[] }[];
    };
    expect(images[0]!.platforms.toSorted()).toEqual([`linux/${own}`, 'linux/riscv64']);
    const to = join(tempDir('platform'), 'tree');
    expect((await ufs(ref, '--platform', 'riscv64', '--unpack', to)).stderr).toBe('');
    expect(readFileSync(join(to, 'platform'), 'utf8')).toBe('riscv64');
    expect((await pull(ref, '--insecure', '--platform', 'linux/mips')).stderr).toMatch(
      /has no image for linux\/mips; it has linux\/amd64, /,
    );
  });

  test.for(['zstd', 'none'] as const)('layers that are compressed by %s', async (compression, context) => {
    const host = await at(context);
    const { pull, store } = pullerAt();
    const from = layout(layers, { compression });
    expect(
      (await pull('--push', `oci:${from}:3`, `${host}/team/${compression}:1`, '--insecure')).stderr,
    ).toBe('');
    expect(await pull(`${host}/team/${compression}:1`, '--insecure')).toMatchObject({
      status: 0,
      stderr: '',
    });
    expect(namesIn(`${store}/layers`)).toHaveLength(3);
  });

  test('a layer that only goes upon those below it is applied upon them', async (context) => {
    // It names no directory above its file, and leads through a link of the layer below.
    const odd = [
      tar([
        root,
        dir('usr'),
        dir('usr/lib'),
        { name: 'lib', type: '2', link: 'usr/lib' },
        file('usr/lib/one'),
      ]),
      tar([file('lib/two')]),
    ];
    const ref = await image(context, 'team/odd:1', `oci:${layout(odd)}:3`);
    const { pull, ufs } = pullerAt();
    expect(await pull(ref, '--insecure')).toMatchObject({ status: 0, stderr: '' });
    const to = join(tempDir('odd'), 'tree');
    expect((await ufs(ref, '--unpack', to)).stderr).toBe('');
    expect(readdirSync(join(to, 'usr/lib')).toSorted()).toEqual(['one', 'two']);
  });

  test('a hundred layers', async (context) => {
    const many = Array.from({ length: 100 }, (_, i) => tar([root, dir('d'), file(`d/${i}`)]));
    const ref = await image(context, 'team/many:1', `oci:${layout(many)}:3`);
    const { pull, ufs } = pullerAt();
    expect(await pull(ref, '--insecure')).toMatchObject({ status: 0, stderr: '' });
    const to = join(tempDir('many'), 'tree');
    expect((await ufs(ref, '--unpack', to)).stderr).toBe('');
    expect(readdirSync(join(to, 'd'))).toHaveLength(100);
  });

  test('names that are none, and images that are not there, are refused in a line', async (context) => {
    const host = await at(context);
    const { pull } = pullerAt();
    expect(await pull('Team/App')).toMatchObject({
      status: 125,
      stderr: expect.stringMatching(/^img-pull: "Team\/App" is not the name of an image;[^\n]+\n$/),
    });
    expect(await pull()).toMatchObject({ status: 125, stderr: expect.stringContaining('which image?') });
    expect(await pull(`${host}/team/nothing:1`, '--insecure')).toMatchObject({
      status: 125,
      stdout: '',
      stderr: expect.stringMatching(/^img-pull: ask for [^\n]+404 Not Found: manifest unknown\n$/),
    });
    expect(await pull(`${host}/team/app:3`)).toMatchObject({
      status: 125,
      stderr: `img-pull: ${host} answers without TLS; --insecure takes that\n`,
    });
  });
});

describe('by its name', () => {
  test('ufs-mount and ctr-run use what the store has, and pull what it lacks', async (context) => {
    needs(context, 'root', 'command:busybox');
    const ref = await image(context);
    // The machine's configuration says that this registry has no TLS.
    const conf = join(tempDir('conf'), 'registries.conf');
    writeFileSync(conf, `[[registry]]\nlocation = "${ref.split('/')[0]}"\ninsecure = true\n`);
    const { pull, env, ufs } = pullerAt(undefined, { CONTAINERS_REGISTRIES_CONF: conf });
    const ran = run('ctr-run', ['run', '--image', ref], { env, timeout: 120_000 });
    expect(ran).toMatchObject({ status: 0, stdout: 'etc/c' });
    expect((await pull('--list')).stdout).toContain(ref);
    // From here on nobody is asked.
    const offline = { ...env, CONTAINERS_REGISTRIES_CONF: '/dev/null' };
    for (const name of [ref, `docker://${ref}`])
      expect(
        run('ufs-mount', [name, '--temp', '--', '/bin/busybox', 'cat', '/etc/c'], { env: offline }),
      ).toMatchObject({ status: 0, stdout: 'etc/c', stderr: '' });
    expect(run('ufs-mount', ['--plan', `docker://${ref}0`, '--', 'true'], { env: offline })).toMatchObject({
      status: 125,
      stderr: expect.stringContaining('--plan brings nothing'),
    });
    // What is recorded is the content, whatever the tag comes to mean.
    const amended = run('ufs-mount', [ref, '--amend'], {
      env: offline,
      input: run('ctr-run', ['spec', '-'], { env }).stdout,
    });
    expect(amended.stdout).toMatch(/docker:\/\/127[^"]+@sha256:[0-9a-f]{64}/);
    expect(await ufs('--gc')).toMatchObject({ status: 0 });
    expect((await ufs(`${ref}-absent`, '--', 'true')).stderr).toMatch(
      /manifest unknown\nufs-mount: the image [^\n]+-absent could not be pulled\n$/,
    );
  });

  test('an ordinary user has a store of their own', async (context) => {
    needs(context, 'root', 'command:setpriv', 'command:busybox');
    const ref = await image(context);
    const { store, env, home } = pullerAt();
    // The tests' directory is their own.
    chmodSync(dirname(store), 0o711);
    for (const path of [store, home]) expect(run('chown', ['65534:65534', path]).status).toBe(0);
    const as = (...words: string[]) =>
      run('setpriv', ['--reuid=65534', '--regid=65534', '--clear-groups', ...words], {
        env,
        timeout: 120_000,
      });
    expect(as('img-pull', ref, '--insecure')).toMatchObject({ status: 0, stderr: '' });
    expect(namesIn(`${store}/layers`).every((name) => name.endsWith('.own'))).toBe(true);
    expect(namesIn(`${store}/layers`)).toHaveLength(3);
    const to = join(home, 'tree');
    expect(as('ufs-mount', ref, '--unpack', to)).toMatchObject({ status: 0, stderr: '' });
    expect(readFileSync(join(to, 'etc/c'), 'utf8')).toBe('etc/c');
  });
});

describe('elsewhere', () => {
  test('to a layout, which skopeo reads', async (context) => {
    const ref = await image(context);
    const to = join(tempDir('to'), 'layout');
    const { pull, store } = pullerAt();
    const { stdout } = await pull(ref, '--insecure', '--to', `oci:${to}:mine`);
    const seen = JSON.parse(run('skopeo', ['inspect', `oci:${to}:mine`]).stdout) as { Digest: string };
    expect(stdout.trim().split('@')[1]).toBe(seen.Digest);
    expect(existsSync(`${store}/layers`)).toBe(false);
  });

  test.for(['oci-archive', 'docker-archive'] as const)(
    'to %s:FILE, which skopeo reads',
    async (kind, context) => {
      const ref = await image(context);
      const where = tempDir('archive');
      const { pull } = pullerAt();
      const archive = join(where, 'image.tar');
      expect(await pull(ref, '--insecure', '--to', `${kind}:${archive}`)).toMatchObject({
        status: 0,
        stderr: '',
      });
      expect(readdirSync(where)).toEqual(['image.tar']);
      const back = join(where, 'back');
      expect(run('skopeo', ['copy', '--quiet', `${kind}:${archive}`, `dir:${back}`])).toMatchObject({
        status: 0,
      });
      const to = join(where, 'tree');
      expect(run('ufs-mount', [archive, '--unpack', to], { env: pullerAt().env })).toMatchObject({
        status: 0,
        stderr: '',
      });
      expect(readFileSync(join(to, 'etc/c'), 'utf8')).toBe('etc/c');
      // The same image gives the same bytes.
      const again = join(where, 'again.tar');
      await pull(ref, '--insecure', '--to', `${kind}:${again}`);
      expect(readFileSync(again).equals(readFileSync(archive))).toBe(true);
      rmSync(where, { recursive: true });
    },
  );

  test('--push brings a layout, an archive and an image of the store to a registry', async (context) => {
    const host = await at(context);
    const { pull, home } = pullerAt();
    const pushedTo = `${host}/team/pushed:1`;
    const pushing = await pull('--push', `oci:${source}:3`, pushedTo, '--insecure');
    expect(pushing).toMatchObject({ status: 0, stderr: '' });
    const inspect = (name: string) =>
      JSON.parse(run('skopeo', ['inspect', '--tls-verify=false', `docker://${name}`]).stdout) as {
        Digest: string;
        Layers: string[];
      };
    expect(inspect(pushedTo)).toMatchObject({ Digest: pushing.stdout.trim().split('@')[1] });
    expect(inspect(pushedTo).Layers).toHaveLength(3);
    expect((await pull(pushedTo, '--insecure')).status).toBe(0);
    const fromStore = await pull('--push', pushedTo, `${host}/team/copied:1`, '--insecure');
    expect(fromStore).toMatchObject({ status: 0, stderr: '' });
    expect(inspect(`${host}/team/copied:1`).Digest).toBe(inspect(pushedTo).Digest);
    const archive = join(home, 'image.tar');
    expect((await pull(pushedTo, '--insecure', '--to', `oci-archive:${archive}`)).status).toBe(0);
    const third = await pull('--push', `oci-archive:${archive}`, `${host}/team/third:1`, '--insecure');
    expect(third).toMatchObject({ status: 0, stderr: '' });
    expect(inspect(`${host}/team/third:1`).Digest).toBe(inspect(pushedTo).Digest);
    expect((await pull('--push', 'nothing', `${host}/x:1`, '--insecure')).stderr).toMatch(
      /nothing is neither oci:DIR/,
    );
  });

  test('without a registry nothing of this is needed: --plan and --help ask nobody', async () => {
    const { pull, store } = pullerAt();
    expect(await pull('--plan', 'registry.invalid/x')).toMatchObject({
      status: 0,
      stdout: `would pull registry.invalid/x:latest into the store ${store}\n`,
    });
    expect(readdirSync(store)).toEqual([]);
  });
});

const own = { x64: 'amd64', arm64: 'arm64' }[process.arch as 'x64'];

/** The digest of a layout's index of platforms. */
const indexDigest = (directory: string): string =>
  (
    JSON.parse(readFileSync(`${directory}/index.json`, 'utf8')) as { manifests: { digest: string }[] }
  ).manifests[0]!.digest.slice(7);

/** A layout with an index of four platforms, whose images say which they are. */
function indexOfFour(): string {
  const directory = tempDir('four');
  const manifests = ['amd64', 'arm64', 'riscv64', 's390x'].map((architecture) => {
    layout([tar([root, file('platform', architecture)])], { directory, architecture });
    const { manifests: made } = JSON.parse(readFileSync(`${directory}/index.json`, 'utf8')) as {
      manifests: { digest: string; size: number; mediaType: string }[];
    };
    const { digest, size, mediaType } = made[0]!;
    return { digest, size, mediaType, platform: { os: 'linux', architecture } };
  });
  const mediaType = 'application/vnd.oci.image.index.v1+json';
  const index = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, manifests }));
  const path = join(directory, 'index');
  writeFileSync(path, index);
  const digest = run('sha256sum', [path]).stdout.slice(0, 64);
  writeFileSync(`${directory}/blobs/sha256/${digest}`, index);
  const entry = {
    mediaType,
    digest: `sha256:${digest}`,
    size: index.length,
    annotations: { 'org.opencontainers.image.ref.name': 'all' },
  };
  writeFileSync(`${directory}/index.json`, JSON.stringify({ schemaVersion: 2, manifests: [entry] }));
  return directory;
}
