/** Several who write into one image layout at once, and who collects what nothing leads to meanwhile. */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  type Ended,
  isRoot,
  needs,
  run,
  runTool,
  slower,
  start,
  tempDir,
  toolPath,
  until,
} from '../../../test/support.ts';
import { busyboxEntries, layout, tar } from './archives.ts';
import { storeAt } from './layers.ts';

const store = storeAt(isRoot ? undefined : '/nonexistent');
const readJson = (path: string) => JSON.parse(readFileSync(path, 'utf8'));
const LONG = 600_000 * slower;

/** A root with a change in it for as long as `look` needs it, and the layout that it was made of. */
async function changed(look: (root: string, at: string) => Promise<void>): Promise<void> {
  const at = layout([tar(busyboxEntries())], { directory: `${tempDir('layout')}/image` });
  const root = runTool('ufs-mount', [`oci:${at}:3`, '--temp'], { env: store.env }).stdout.trimEnd();
  try {
    writeFileSync(join(root, 'new'), Buffer.alloc(1 << 20, 'a change\n'));
    await look(root, at);
  } finally {
    expect(store.ufs('--unmount', root).stderr).toBe('');
  }
}

const begin = (...words: string[]) => start(toolPath('ufs-mount'), words, { env: store.env });
/** No two of them are the same image. */
const commit = (root: string, at: string, tag: string) =>
  begin('--commit', root, `oci:${at}:${tag}`, '--message', tag);
const tags = (at: string) => store.ufs('--tags', `oci:${at}`).stdout.split('\n').filter(Boolean).sort();

/** All blobs of an image are there, and are what they are called. */
function expectWhole(at: string, tag: string): void {
  const blob = (digest: string) => {
    const data = readFileSync(`${at}/blobs/${digest.replace(':', '/')}`);
    expect(`sha256:${createHash('sha256').update(data).digest('hex')}`).toBe(digest);
    return data.toString();
  };
  const { manifests } = readJson(`${at}/index.json`);
  const one = manifests.find((m: { annotations: object }) => Object.values(m.annotations).includes(tag));
  const manifest = JSON.parse(blob(one.digest));
  for (const { digest } of [manifest.config, ...manifest.layers]) blob(digest);
}

const staged = (at: string) => readdirSync(at).filter((name) => name.startsWith('.umoci-'));

/** Hold what is to be held until `end`. */
async function hold(path: string): Promise<{ end(): Promise<Ended> }> {
  const holder = start('flock', [path, 'sh', '-c', 'echo held; read x']);
  await until('it is held', () => holder.output().stdout === 'held\n');
  return {
    end() {
      holder.child.stdin!.end('\n');
      return holder.ended;
    },
  };
}

describe('an image layout', () => {
  test(
    '20 commits at once lose none, and untag takes out what it was told to and no more',
    async (context) => {
      needs(context, 'root');
      await changed(async (root, at) => {
        const old = ['a', 'b', 'c'];
        for (const tag of old) expect((await commit(root, at, tag).ended).status).toBe(0);
        const names = Array.from({ length: 20 }, (_, n) => `tag${n}`);
        const all = [
          ...names.map((tag) => commit(root, at, tag)),
          ...old.map((tag) => begin('--untag', `oci:${at}:${tag}`)),
        ];
        for (const { status, stderr } of await Promise.all(all.map(({ ended }) => ended)))
          expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
        expect(tags(at)).toEqual(['3', ...names].sort());
        for (const tag of names) expectWhole(at, tag);
        expect(readdirSync(at).sort()).toEqual(['blobs', 'index.json', 'oci-layout']);
      });
    },
    LONG,
  );

  test(
    'commits beside --gc lose no blob',
    async (context) => {
      needs(context, 'root');
      await changed(async (root, at) => {
        const names = Array.from({ length: 6 }, (_, n) => `tag${n}`);
        let over = false;
        const collecting = (async () => {
          const all: Ended[] = [];
          while (!over) all.push(await begin(`--gc=oci:${at}`).ended);
          return all;
        })();
        const all = names.map((tag) => commit(root, at, tag).ended);
        for (const { status, stderr } of await Promise.all(all))
          expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
        over = true;
        for (const ended of await collecting) expect(ended).toMatchObject({ status: 0, stderr: '' });
        for (const tag of names) expectWhole(at, tag);
        expect(store.ufs(`--gc=oci:${at}`).stdout).toBe('0 blobs removed\n');
      });
    },
    LONG,
  );

  test(
    'what is locked is waited for, and what is staged stays, by umoci gc too',
    async (context) => {
      needs(context, 'root', 'command:umoci', 'command:flock');
      await changed(async (root, at) => {
        const blobs = () => readdirSync(`${at}/blobs/sha256`).sort();
        const before = blobs();
        // By its own tag, and by none: a blob that nothing leads to.
        expect(store.ufs('--commit', root, `oci:${at}:gone`, '--message', 'one').status).toBe(0);
        const shared = blobs().filter((name) => !before.includes(name));
        expect(store.ufs('--untag', `oci:${at}:gone`).status).toBe(0);
        const held = await hold(at);
        // The same change, and so the same layer as that of the image which is gone.
        const committing = commit(root, at, 'one');
        await until('its blobs are made', () =>
          staged(at).some((dir) => readdirSync(`${at}/${dir}`).length === 4),
        );
        expect(run('umoci', ['gc', '--layout', at]).status).toBe(0);
        expect(blobs()).toEqual(before);
        expect(staged(at)).toHaveLength(1);
        expect(shared).toHaveLength(3);
        const untagging = begin('--untag', `oci:${at}:3`);
        const collecting = begin(`--gc=oci:${at}`);
        await new Promise((resolve) => setTimeout(resolve, 300));
        for (const { child } of [committing, untagging, collecting]) expect(child.exitCode).toBe(null);
        await held.end();
        for (const { ended } of [committing, untagging, collecting])
          expect(await ended).toMatchObject({ status: 0, stderr: '' });
        expect(tags(at)).toEqual(['one']);
        expectWhole(at, 'one');
      });
    },
    LONG,
  );

  test('--gc leaves a layout alone while umoci holds a directory in it, and removes one that nobody holds', async (context) => {
    needs(context, 'root', 'command:flock');
    await changed(async (root, at) => {
      expect(store.ufs('--commit', root, `oci:${at}:gone`).status).toBe(0);
      expect(store.ufs('--untag', `oci:${at}:gone`).status).toBe(0);
      mkdirSync(`${at}/.umoci-1234`);
      const held = await hold(`${at}/.umoci-1234`);
      expect(store.ufs(`--gc=oci:${at}`)).toMatchObject({
        status: 125,
        stdout: '',
        stderr: `ufs-mount: remove what no image of ${at} leads to: umoci is writing into ${at}: it holds .umoci-1234; try again when it has ended\n`,
      });
      await held.end();
      expect(store.ufs(`--gc=oci:${at}`)).toMatchObject({
        status: 0,
        stdout: '3 blobs removed\n',
        stderr: '',
      });
      expect(staged(at)).toEqual([]);
    });
  });
});
