/** What needs no registry: challenges, pauses, and where an image is asked for. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseReference } from '@ctr-tools/oci/image';
import { describe, expect, test } from 'vitest';
import { tempDir } from '../../../test/support.ts';
import { placeAndTag } from '../src/layout.ts';
import { together } from '../src/pull.ts';
import { challengesOf } from '../src/registry/auth.ts';
import { credentialsFor } from '../src/registry/credentials.ts';
import { placesOf } from '../src/registry/places.ts';
import { pauseFor } from '../src/registry/retry.ts';

describe('challenges', () => {
  test.each([
    ['', []],
    ['Basic realm="x"', [{ scheme: 'basic', parameters: { realm: 'x' } }]],
    [
      'Bearer realm="https://a/t?x=1,2",service="reg", scope="repository:a:pull,push"',
      [
        {
          scheme: 'bearer',
          parameters: { realm: 'https://a/t?x=1,2', service: 'reg', scope: 'repository:a:pull,push' },
        },
      ],
    ],
    // RFC 9110, 11.6.1, its own example of two in one field.
    [
      'Basic realm="simple", Newauth realm="apps", type=1, title="Login to \\"apps\\""',
      [
        { scheme: 'basic', parameters: { realm: 'simple' } },
        { scheme: 'newauth', parameters: { realm: 'apps', type: '1', title: 'Login to "apps"' } },
      ],
    ],
    [
      'Negotiate, Basic realm=a',
      [
        { scheme: 'negotiate', parameters: {} },
        { scheme: 'basic', parameters: { realm: 'a' } },
      ],
    ],
    ['"', []],
  ])('%s', (field, found) => {
    expect(challengesOf(field)).toEqual(found);
  });
});

describe('pauses', () => {
  const now = Date.UTC(2026, 0, 1);
  test('are what Retry-After says, in seconds or by a date', () => {
    expect(pauseFor(1, '3', now)).toBe(3000);
    expect(pauseFor(1, 'Thu, 01 Jan 2026 00:00:07 GMT', now)).toBe(7000);
    expect(pauseFor(1, 'Thu, 01 Jan 2015 00:00:07 GMT', now)).toBe(0);
    expect(pauseFor(1, '121', now)).toBeUndefined();
  });
  test('grow without it', () => {
    for (const tried of [1, 2, 3, 4]) {
      const pause = pauseFor(tried, 'soon', now)!;
      expect(pause).toBeGreaterThanOrEqual(0.75 * 250 * 2 ** (tried - 1));
      expect(pause).toBeLessThanOrEqual(1.25 * 250 * 2 ** (tried - 1));
    }
  });
});

describe('places', () => {
  const none = { mirrors: [] as string[], insecure: false };
  const at = (text: string, conf: string, more: Partial<typeof none> = {}) => {
    const path = join(tempDir('conf'), 'registries.conf');
    writeFileSync(path, conf);
    const env = new Map([['CONTAINERS_REGISTRIES_CONF', path]]);
    return placesOf(parseReference(text)!, { ...none, ...more }, { env }).map(
      ({ host, repository, insecure, serves }) =>
        `${host}/${repository}${insecure ? ' insecure' : ''} ${serves}`,
    );
  };

  test('Docker has its registry at another host', () => {
    expect(at('alpine', '')).toEqual(['registry-1.docker.io/library/alpine all']);
    expect(at('alpine', '', { mirrors: ['https://m.example:5000/cache/'] })).toEqual([
      'm.example:5000/cache/library/alpine all',
      'registry-1.docker.io/library/alpine all',
    ]);
  });

  // containers-registries.conf(5), "prefix": the longest that fits.
  test('the longest prefix counts, and whole parts of a name', () => {
    const conf =
      '[[registry]]\nprefix="a.example"\nlocation="b.example"\n[[registry]]\nprefix="a.example/x"\nlocation="c.example/y"\ninsecure=true\n';
    expect(at('a.example/z/w', conf)).toEqual(['b.example/z/w all']);
    expect(at('a.example/x/w', conf)).toEqual(['c.example/y/w insecure all']);
    expect(at('a.example/xx/w', conf)).toEqual(['b.example/xx/w all']);
    expect(at('sub.a.example/x', conf)).toEqual(['sub.a.example/x all']);
    expect(at('sub.a.example/x', '[[registry]]\nprefix="*.example"\ninsecure=true\n')).toEqual([
      'sub.a.example/x insecure all',
    ]);
  });

  test('a mirror may be for digests or tags alone', () => {
    const mirror = (more: string) => `[[registry]]\nlocation="a.example"\n${more}`;
    const entry = '[[registry.mirror]]\nlocation="m.example"\n';
    expect(at('a.example/x', mirror(`mirror-by-digest-only=true\n${entry}`))).toEqual([
      'm.example/x digest-only',
      'a.example/x all',
    ]);
    expect(at('a.example/x', mirror(`${entry}pull-from-mirror="tag-only"\n`))[0]).toBe(
      'm.example/x tag-only',
    );
  });
});

test('credentials of Docker go by the name that docker login writes', () => {
  const home = tempDir('home');
  mkdirSync(join(home, '.docker'));
  const auth = Buffer.from('me:pass:word').toString('base64');
  const auths = { 'https://index.docker.io/v1/': { auth }, 'https://quay.io': { identitytoken: 'abc' } };
  writeFileSync(join(home, '.docker/config.json'), JSON.stringify({ auths }));
  const host = { env: new Map([['HOME', home]]), euid: 1000 };
  expect(credentialsFor('docker.io', 'library/alpine', host)).toEqual({ user: 'me', password: 'pass:word' });
  expect(credentialsFor('quay.io', 'a/b', host)).toEqual({ user: '', password: '', identity: 'abc' });
  expect(credentialsFor('other.io', 'a/b', host)).toBeUndefined();
});

test('a tag begins behind the last slash', () => {
  expect(placeAndTag('./a:b/c')).toEqual({ path: './a:b/c' });
  expect(placeAndTag('./a:b/c:1')).toEqual({ path: './a:b/c', tag: '1' });
  expect(() => placeAndTag('./a:')).toThrow('a path, and a tag behind a colon');
});

test('of what is done together the first failure ends the rest', async () => {
  const begun: number[] = [];
  const all = together([1, 2, 3, 4, 5], 2, async (n) => {
    begun.push(n);
    await new Promise((resolve) => setTimeout(resolve, 1));
    if (n === 2) throw new Error('two');
  });
  await expect(all).rejects.toThrow('two');
  expect(begun).toEqual(expect.arrayContaining([1, 2]));
  expect(begun).not.toContain(5);
});
