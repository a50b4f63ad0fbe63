/**
 * `node bench/debian-layer.ts DIR`: an OCI layout DIR/layout (tag `big`) whose image has one
 * gzip layer of 1 GB in 13,000 files, made of Debian packages; DIR also keeps the packages.
 * It is a cache: what is there is not made again.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  createReadStream,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';

/** Programs, many small sources, and what is compressed already: the mixture that images have. */
const packages = [
  'golang-1.19-go',
  'golang-1.19-src',
  'openjdk-17-jre-headless',
  'docker.io',
  'containerd',
  'podman',
  'prometheus',
];

async function digestOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
  return `sha256:${hash.digest('hex')}`;
}

/** Make the layout where it is missing; its path. */
export async function debianLayer(directory: string): Promise<string> {
  const layout = join(resolve(directory), 'layout');
  if (existsSync(join(layout, 'index.json'))) return layout;
  const debs = join(resolve(directory), 'debs');
  const tree = join(resolve(directory), 'tree');
  mkdirSync(debs, { recursive: true });
  const have = () => readdirSync(debs);
  const missing = packages.filter((name) => !have().some((file) => file.startsWith(`${name}_`)));
  // apt's own sandbox user may not write here; the packages are checked by apt all the same.
  if (missing.length > 0)
    execFileSync('apt-get', ['-o', 'APT::Sandbox::User=root', 'download', ...missing], {
      cwd: debs,
      stdio: 'inherit',
    });
  rmSync(tree, { recursive: true, force: true });
  for (const deb of have()) execFileSync('dpkg-deb', ['-x', join(debs, deb), tree]);
  rmSync(layout, { recursive: true, force: true });
  const blobs = join(layout, 'blobs/sha256');
  mkdirSync(blobs, { recursive: true });
  const plain = join(blobs, 'plain');
  execFileSync('tar', ['--sort=name', '--numeric-owner', '--format=pax', '-C', tree, '-cf', plain, '.']);
  rmSync(tree, { recursive: true });
  const diffId = await digestOf(plain);
  execFileSync('gzip', ['-n', plain]);
  const adopt = async (path: string, mediaType: string) => {
    const descriptor = { mediaType, digest: await digestOf(path), size: statSync(path).size };
    renameSync(path, join(blobs, descriptor.digest.slice(7)));
    return descriptor;
  };
  const json = (mediaType: string, value: unknown) => {
    writeFileSync(join(blobs, 'new'), JSON.stringify(value));
    return adopt(join(blobs, 'new'), mediaType);
  };
  const layer = await adopt(`${plain}.gz`, 'application/vnd.oci.image.layer.v1.tar+gzip');
  const config = await json('application/vnd.oci.image.config.v1+json', {
    architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
    os: 'linux',
    config: {},
    rootfs: { type: 'layers', diff_ids: [diffId] },
  });
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const manifest = await json(mediaType, { schemaVersion: 2, mediaType, config, layers: [layer] });
  writeFileSync(join(layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  const annotations = { 'org.opencontainers.image.ref.name': 'big' };
  writeFileSync(
    join(layout, 'index.json'),
    JSON.stringify({ schemaVersion: 2, manifests: [{ ...manifest, annotations }] }),
  );
  return layout;
}

if (import.meta.main) {
  const [directory] = process.argv.slice(2);
  if (!directory) throw new Error('node bench/debian-layer.ts DIR');
  process.stdout.write(`${await debianLayer(directory)}\n`);
}
