/** Registries that cut, lie, redirect and refuse: a server of the tests' own in front of a real one. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { beforeAll, describe, expect, type TestContext, test } from 'vitest';
import { atFileEnd, run, until } from '../../../test/support.ts';
import { layout, tar } from '../../ufs-mount/test/archives.ts';
import { dir, file, root } from '../../ufs-mount/test/layers.ts';
import { type Front, front, type Hook, isBlob, pullerAt, pushed, startRegistry } from './registry.ts';

/** Bytes that no compression makes less of, the same in each run. */
const noise = (seed: string, length: number): string => {
  let text = '';
  for (let i = 0; text.length < length; i++)
    text += createHash('sha512').update(`${seed}${i}`).digest('base64');
  return text.slice(0, length);
};

const layers = [
  tar([root, dir('a'), file('a/noise', noise('one', 2_000_000))]),
  tar([root, dir('b'), file('b/noise', noise('two', 1_200_000))]),
];
let source = '';
beforeAll(() => {
  source = layout(layers);
});

let upstream: string | undefined;
/** An image in a real registry, and its name by a server in front that the hook spoils. */
async function behind(context: TestContext, hook: Hook): Promise<Front & { ref: string }> {
  if (upstream === undefined) {
    const { host } = await startRegistry(context);
    pushed(context, `oci:${source}:3`, host, 'team/app:1');
    upstream = host;
  }
  const server = await front(upstream, hook);
  return { ...server, ref: `${server.host}/team/app:1` };
}

const everything: Hook = (_request, _response, pass) => pass();

/** What may be in a store of which nothing came: no layer, no image, nothing half made. */
function expectNothing(store: string): void {
  for (const name of ['layers', 'chains', 'tmp', 'roots'])
    expect(
      existsSync(join(store, name))
        ? readdirSync(join(store, name)).filter((one) => !one.endsWith('.lock'))
        : [],
    ).toEqual([]);
  expect(existsSync(join(store, 'images/index.json'))).toBe(false);
}

describe('connections', () => {
  test('that are cut after 300 kB each are gone on with by ranges', async (context) => {
    const ranges: string[] = [];
    const { ref } = await behind(context, (request, response, pass) => {
      if (!isBlob({ url: request.url! })) return pass();
      if (request.headers.range) ranges.push(request.headers.range);
      pass((from, to) => {
        to.writeHead(from.statusCode!, from.headers);
        let sent = 0;
        from.on('data', (chunk: Buffer) => {
          const part = chunk.subarray(0, 300_000 - sent);
          sent += part.length;
          to.write(part);
          // What was written is to arrive before the end does.
          if (sent >= 300_000) {
            from.destroy();
            setTimeout(() => response.destroy(), 50);
          }
        });
        from.on('end', () => to.end());
        from.on('error', () => {});
      });
    });
    const { pull, ufs, home } = pullerAt();
    expect(await pull(ref, '--insecure')).toMatchObject({ status: 0, stderr: '' });
    expect(ranges.length).toBeGreaterThan(5);
    expect((await ufs(ref, '--unpack', join(home, 'tree'))).stderr).toBe('');
    expect(readFileSync(join(home, 'tree/a/noise'), 'utf8')).toBe(noise('one', 2_000_000));
  });

  test('a pull that was killed is gone on with by the next', async (context) => {
    let stalling = true;
    const from: number[] = [];
    const { ref, seen } = await behind(context, (request, _response, pass) => {
      if (!isBlob({ url: request.url! })) return pass();
      from.push(Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0));
      pass((answer, to) => {
        to.writeHead(answer.statusCode!, answer.headers);
        if (!stalling || Number(answer.headers['content-length']) < 100_000) return void answer.pipe(to);
        // Half of it, and then nothing for ever.
        let sent = 0;
        answer.on('data', (chunk: Buffer) => {
          if (sent < 500_000) to.write(chunk);
          sent += chunk.length;
        });
      });
    });
    const { running, pull, store } = pullerAt();
    const first = running(ref, '--insecure');
    const partials = () =>
      existsSync(`${store}/images/blobs`)
        ? readdirSync(`${store}/images/blobs`).filter((name) => name.endsWith('.partial'))
        : [];
    await until(
      'both layers have begun',
      () =>
        partials().length === 2 &&
        partials().every((name) => readFileSync(`${store}/images/blobs/${name}`).length >= 400_000),
      60_000,
    );
    first.child.kill('SIGKILL');
    await first.ended;
    // Whoever looks meanwhile sees nothing half done.
    expect(readdirSync(`${store}/chains`)).toEqual([]);
    expect((await pull('--list')).stdout).toBe('');
    stalling = false;
    from.length = 0;
    expect(await pull(ref, '--insecure')).toMatchObject({ status: 0, stderr: '' });
    expect(from.filter((at) => at >= 400_000)).toHaveLength(2);
    expect(seen.length).toBeGreaterThan(5);
    expect(readdirSync(`${store}/images/blobs`)).toEqual(['sha256']);
  });

  test('a registry that ignores ranges is read from the start, and nothing is applied twice', async (context) => {
    let cut = true;
    const { ref } = await behind(context, (request, response, pass) => {
      if (!isBlob({ url: request.url! })) return pass();
      delete request.headers.range;
      pass((from, to) => {
        to.writeHead(from.statusCode!, from.headers);
        if (!cut || Number(from.headers['content-length']) < 100_000) return void from.pipe(to);
        cut = false;
        from.once('data', (chunk: Buffer) => {
          to.write(chunk);
          from.destroy();
          setTimeout(() => response.destroy(), 50);
        });
        from.on('error', () => {});
      });
    });
    const { pull } = pullerAt();
    expect(await pull(ref, '--insecure')).toMatchObject({ status: 0, stderr: '' });
    expect(cut).toBe(false);
  });

  test('two pulls at once fetch each blob once', async (context) => {
    const { ref, seen } = await behind(context, (_request, _response, pass) => {
      setTimeout(pass, 200);
    });
    const { pull } = pullerAt();
    const both = await Promise.all([pull(ref, '--insecure'), pull(ref, '--insecure')]);
    for (const ended of both) expect(ended).toMatchObject({ status: 0, stderr: '' });
    const blobs = seen.filter(isBlob).map(({ url }) => url);
    expect(blobs.toSorted()).toEqual([...new Set(blobs)].toSorted());
    expect(blobs).toHaveLength(3);
  });
});

describe('content', () => {
  test.for([
    ['another than its digest', (text: Buffer) => Buffer.concat([text.subarray(0, -4), Buffer.from('xxxx')])],
    ['one that is no archive', (text: Buffer) => Buffer.alloc(text.length, 'x')],
  ] as const)('%s is refused, and leaves nothing', async ([, spoil], context) => {
    const { ref } = await behind(context, (request, _response, pass) => {
      if (!isBlob({ url: request.url! })) return pass();
      pass((from, to) => {
        const parts: Buffer[] = [];
        from.on('data', (part: Buffer) => parts.push(part));
        from.on('end', () => {
          const all = Buffer.concat(parts);
          to.writeHead(from.statusCode!, from.headers);
          to.end(all.length > 100_000 ? spoil(all) : all);
        });
      });
    });
    const { pull, store } = pullerAt();
    const { status, stdout, stderr } = await pull(ref, '--insecure');
    expect([status, stdout]).toEqual([125, '']);
    expect(stderr).toMatch(
      /^img-pull: [\d.:]+ gave something else than the blob sha256:[0-9a-f]{64}: it is [0-9a-f]{64}\n$/,
    );
    expectNothing(store);
    expect(readdirSync(`${store}/images/blobs`)).toEqual(['sha256']);
  });

  test('a layer whose archive is not what the configuration says is refused', async (context) => {
    const other = layout([tar([root, file('x')])]);
    // A configuration with another diff ID, and a manifest that names it.
    const blobs = join(other, 'blobs/sha256');
    const put = (text: string) => {
      const hex = createHash('sha256').update(text).digest('hex');
      writeFileSync(join(blobs, hex), text);
      return { digest: `sha256:${hex}`, size: text.length };
    };
    const index = JSON.parse(readFileSync(join(other, 'index.json'), 'utf8')) as {
      manifests: { digest: string; size: number }[];
    };
    const manifest = JSON.parse(readFileSync(join(blobs, index.manifests[0]!.digest.slice(7)), 'utf8')) as {
      config: { digest: string };
    };
    const config = readFileSync(join(blobs, manifest.config.digest.slice(7)), 'utf8');
    const wrong = put(config.replace(/sha256:[0-9a-f]{64}/, `sha256:${'0'.repeat(64)}`));
    const made = put(JSON.stringify({ ...manifest, config: { ...manifest.config, ...wrong } }));
    Object.assign(index.manifests[0]!, made);
    writeFileSync(join(other, 'index.json'), JSON.stringify(index));
    const { host } = await startRegistry(context);
    const { pull, store } = pullerAt();
    expect((await pull('--push', `oci:${other}:3`, `${host}/team/wrong:1`, '--insecure')).stderr).toBe('');
    const { status, stderr } = await pull(`${host}/team/wrong:1`, '--insecure');
    expect(status).toBe(125);
    expect(stderr).toMatch(/its content is not what its digest says: the archive in it is sha256:/);
    expectNothing(store);
  });

  test('a wrong length is refused before a byte is taken', async (context) => {
    const { ref } = await behind(context, (request, _response, pass) => {
      if (!isBlob({ url: request.url! })) return pass();
      pass((from, to) => {
        const length = Number(from.headers['content-length']);
        to.writeHead(from.statusCode!, { ...from.headers, 'content-length': String(length + 5) });
        from.pipe(to, { end: false });
        from.on('end', () => to.end('xxxxx'));
      });
    });
    const { pull, store } = pullerAt();
    expect(await pull(ref, '--insecure')).toMatchObject({
      status: 125,
      stderr: expect.stringMatching(
        /^img-pull: [\d.:]+: the blob sha256:\w+ has \d+ bytes there, and \d+ by its manifest\n$/,
      ),
    });
    expectNothing(store);
  });

  test('more than was promised, without a length, is cut off', async (context) => {
    const { ref } = await behind(context, (request, _response, pass) => {
      if (!isBlob({ url: request.url! })) return pass();
      pass((from, to) => {
        const { 'content-length': _, ...headers } = from.headers;
        to.writeHead(from.statusCode!, headers);
        from.pipe(to, { end: false });
        from.on('end', () => to.end('x'.repeat(100_000)));
      });
    });
    const { pull, store } = pullerAt();
    expect((await pull(ref, '--insecure')).stderr).toMatch(/is longer than its manifest says\n$/);
    expectNothing(store);
  });

  test('a manifest that is another than its digest is refused', async (context) => {
    const good = await behind(context, everything);
    const { pull } = pullerAt();
    const pinned = (await pull(good.ref, '--insecure')).stdout.trim().split('@')[1];
    const bad = await behind(context, (request, _response, pass) => {
      if (!request.url!.includes('/manifests/')) return pass();
      pass((from, to) => {
        to.writeHead(from.statusCode!, { 'content-type': from.headers['content-type'] });
        from.resume();
        to.end(JSON.stringify({ schemaVersion: 2, mediaType: from.headers['content-type'], layers: [] }));
      });
    });
    const other = pullerAt();
    expect((await other.pull(`${bad.host}/team/app@${pinned}`, '--insecure')).stderr).toMatch(
      new RegExp(`gave something else than ${pinned}: it is sha256:`),
    );
    expectNothing(other.store);
  });
});

describe('answers', () => {
  test('a redirect to another host is followed, without our credentials', async (context) => {
    const elsewhere = await behind(context, everything);
    const { ref, seen } = await behind(context, (request, response, pass) => {
      if (request.headers.authorization === undefined) {
        response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' });
        return void response.end();
      }
      if (!isBlob({ url: request.url! })) return pass();
      response.writeHead(307, { location: `http://${elsewhere.host}${request.url}` });
      response.end();
    });
    const { pull, home } = pullerAt();
    const auths = { [ref.split('/')[0]!]: { auth: Buffer.from('tester:secret').toString('base64') } };
    writeFileSync(join(home, 'auth.json'), JSON.stringify({ auths }));
    run('mkdir', ['-p', join(home, 'containers')]);
    run('mv', [join(home, 'auth.json'), join(home, 'containers/auth.json')]);
    expect(await pull(ref, '--insecure')).toMatchObject({ status: 0, stderr: '' });
    expect(elsewhere.seen.filter(isBlob)).toHaveLength(3);
    expect(elsewhere.seen.map(({ headers }) => headers.authorization)).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
    // The control: whom they are for has had them.
    expect(seen.filter(({ headers }) => headers.authorization?.startsWith('Basic ')).length).toBeGreaterThan(
      3,
    );
  });

  test('another host to which we are sent gets no credentials by asking for them', async (context) => {
    const asked: string[] = [];
    const thief = await behind(context, (request, response) => {
      asked.push(`${request.url} ${request.headers.authorization ?? 'nobody'}`);
      response.writeHead(401, { 'www-authenticate': `Bearer realm="http://${thief.host}/token"` });
      response.end();
    });
    const { ref, host } = await behind(context, (request, response, pass) => {
      if (!isBlob({ url: request.url! })) return pass();
      response.writeHead(307, { location: `http://${thief.host}/blob` });
      response.end();
    });
    const { pull, home } = pullerAt();
    run('mkdir', ['-p', join(home, '.docker')]);
    const auths = { [host]: { auth: Buffer.from('tester:secret').toString('base64') } };
    writeFileSync(join(home, '.docker/config.json'), JSON.stringify({ auths }));
    expect((await pull(ref, '--insecure')).stderr).toMatch(/to which [\d.:]+ sends us on, refuses us\n$/);
    expect(asked).toEqual(['/blob nobody']);
  });

  test('429 with Retry-After is waited for', async (context) => {
    const times = new Map<string, number[]>();
    const { ref } = await behind(context, (request, response, pass) => {
      const before = times.get(request.url!) ?? [];
      times.set(request.url!, [...before, Date.now()]);
      if (before.length > 0 || !isBlob({ url: request.url! })) return pass();
      response.writeHead(429, { 'retry-after': '1' });
      response.end();
    });
    const { pull } = pullerAt();
    expect(await pull(ref, '--insecure')).toMatchObject({ status: 0, stderr: '' });
    const blobs = [...times].filter(([url]) => isBlob({ url }));
    expect(blobs).toHaveLength(3);
    for (const [, [first, second]] of blobs) expect(second! - first!).toBeGreaterThanOrEqual(1000);
  });

  test('a pause that nobody would sit through is said, and errors that last end it', async (context) => {
    const long = await behind(context, (_request, response) => {
      response.writeHead(429, { 'retry-after': '9999' });
      response.end('{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]}');
    });
    const { pull } = pullerAt();
    expect((await pull(long.ref, '--insecure')).stderr).toMatch(
      /429 Too Many Requests: slow down; it wants us back in 9999 s\n$/,
    );
    let asked = 0;
    const broken = await behind(context, (_request, response) => {
      asked++;
      response.writeHead(503);
      response.end();
    });
    expect((await pull(broken.ref, '--insecure')).stderr).toMatch(/503 Service Unavailable\n$/);
    expect(asked).toBe(5);
  });

  test('redirects that never end do', async (context) => {
    const { ref } = await behind(context, (request, response) => {
      response.writeHead(302, { location: request.url! });
      response.end();
    });
    const { pull } = pullerAt();
    expect((await pull(ref, '--insecure')).stderr).toMatch(/sends us on and on\n$/);
  });
});

describe('tokens', () => {
  /** A server that gives tokens, each good for so many requests of a registry behind it. */
  async function tokens(context: TestContext, uses: number, wants?: string) {
    const asked: string[] = [];
    const left = new Map<string, number>();
    const service = http.createServer((request, response) => {
      asked.push(`${request.headers.authorization ?? 'nobody'} ${request.url}`);
      if (wants !== undefined && request.headers.authorization !== wants) {
        response.writeHead(401);
        return void response.end();
      }
      const token = `token${asked.length}`;
      left.set(token, uses);
      response.end(JSON.stringify({ token }));
    });
    await new Promise<void>((resolve) => service.listen(0, '127.0.0.1', resolve));
    atFileEnd(() => service.close());
    const realm = `http://127.0.0.1:${(service.address() as AddressInfo).port}/token`;
    const guarded = await behind(context, (request, response, pass) => {
      const token = request.headers.authorization?.replace('Bearer ', '') ?? '';
      const uses = left.get(token) ?? 0;
      left.set(token, uses - 1);
      delete request.headers.authorization;
      if (uses > 0) return pass();
      response.writeHead(401, {
        'www-authenticate': `Bearer realm="${realm}",service="test",scope="repository:team/app:pull"`,
      });
      response.end('{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}');
    });
    return { ...guarded, asked };
  }

  test('one that expires between two layers is renewed', async (context) => {
    const { ref, asked } = await tokens(context, 2);
    const { pull } = pullerAt();
    expect(await pull(ref, '--insecure')).toMatchObject({ status: 0, stderr: '' });
    expect(asked[0]).toBe('nobody /token?service=test&scope=repository%3Ateam%2Fapp%3Apull');
    expect(asked.length).toBeGreaterThan(1);
  });

  test('are asked for with our name and password, and wrong ones are said to be', async (context) => {
    const right = `Basic ${Buffer.from('tester:secret').toString('base64')}`;
    const { ref, host } = await tokens(context, 100, right);
    const { pull, home, store } = pullerAt();
    expect((await pull(ref, '--insecure')).stderr).toMatch(/gives no token to somebody without a name/);
    run('mkdir', ['-p', join(home, '.docker')]);
    const write = (password: string) =>
      writeFileSync(
        join(home, '.docker/config.json'),
        JSON.stringify({
          auths: { [host]: { auth: Buffer.from(`tester:${password}`).toString('base64') } },
        }),
      );
    write('wrong');
    const refused = await pull(ref, '--insecure');
    expect(refused.stderr).toMatch(/refuses the credentials of tester\n$/);
    expect(refused.stderr).not.toContain('wrong');
    expectNothing(store);
    write('secret');
    expect(await pull(ref, '--insecure')).toMatchObject({ status: 0, stderr: '' });
  });

  test('that are never good end in words', async (context) => {
    const { ref } = await tokens(context, 0);
    const { pull } = pullerAt();
    expect((await pull(ref, '--insecure')).stderr).toMatch(/refuses us [^\n]+authentication required\n$/);
  });
});
