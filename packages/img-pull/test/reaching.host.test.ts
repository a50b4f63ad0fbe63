/** How registries are reached: TLS, credentials and their helpers, mirrors, proxies. */
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { beforeAll, describe, expect, type TestContext, test } from 'vitest';
import { atFileEnd, needs, run, tempDir } from '../../../test/support.ts';
import { layout, tar } from '../../ufs-mount/test/archives.ts';
import { file, root } from '../../ufs-mount/test/layers.ts';
import { front, isBlob, pullerAt, pushed, startRegistry, type TestRegistry } from './registry.ts';

let source = '';
beforeAll(() => {
  source = layout([tar([root, file('hello')])]);
});

const made = new Map<string, Promise<TestRegistry>>();
/** A registry of a kind with the image `team/app:1` in it. */
async function registry(context: TestContext, kind: 'plain' | 'tls' | 'password'): Promise<TestRegistry> {
  const begin = async (): Promise<TestRegistry> => {
    const started = await startRegistry(context, { [kind]: true });
    const more = kind === 'password' ? ['--dest-creds=tester:secret'] : [];
    pushed(context, `oci:${source}:3`, started.host, 'team/app:1', ...more);
    return started;
  };
  const known = made.get(kind) ?? begin();
  made.set(kind, known);
  return known;
}

const fine = { status: 0, stderr: '' };

describe('TLS', () => {
  test('a certificate that nobody vouches for is refused; --ca, certs.d and --insecure are ways', async (context) => {
    const { host, ca } = await registry(context, 'tls');
    const ref = `${host}/team/app:1`;
    const { pull, home } = pullerAt();
    expect(await pull(ref)).toMatchObject({
      status: 125,
      stderr: `img-pull: ${host}: nobody vouches for its certificate; --ca FILE names who does\n`,
    });
    expect(await pull(ref, '--ca', ca)).toMatchObject(fine);
    expect(await pullerAt().pull(ref, '--insecure')).toMatchObject(fine);
    expect(await pullerAt(undefined, { SSL_CERT_FILE: ca }).pull(ref)).toMatchObject(fine);
    const certs = join(home, '.config/containers/certs.d', host);
    mkdirSync(certs, { recursive: true });
    writeFileSync(join(certs, 'ca.crt'), readFileSync(ca));
    expect(await pull('--remove', ref)).toMatchObject(fine);
    expect(await pull(ref)).toMatchObject(fine);
  });

  test('a registry with TLS may not send us on to one without', async (context) => {
    const { host, ca } = await registry(context, 'tls');
    const { pull } = pullerAt();
    const plain = await front(host, (_request, response) => response.end());
    // The registry redirects blobs only with a storage that has URLs: its place is taken by a server of ours.
    const { key, cert } = await import('./registry.ts').then(({ certificate }) =>
      certificate(tempDir('cert')),
    );
    const https = await import('node:https');
    const server = https.createServer(
      { key: readFileSync(key), cert: readFileSync(cert) },
      (_request, response) => {
        response.writeHead(307, { location: `http://${plain.host}/` });
        response.end();
      },
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    atFileEnd(() => void server.close());
    const at = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    expect((await pull(`${at}/team/app:1`, '--ca', ca, '--ca', cert)).stderr).toMatch(
      /sends us on to [\d.:]+ without TLS; --insecure takes that\n$/,
    );
    expect(plain.seen).toEqual([]);
  });
});

describe('credentials', () => {
  const auth = (password: string) => Buffer.from(`tester:${password}`).toString('base64');

  test('of a file, as podman login writes it; without them, and with wrong ones, we are refused', async (context) => {
    needs(context, 'command:podman');
    const { host } = await registry(context, 'password');
    const ref = `${host}/team/app:1`;
    const { pull, home, env } = pullerAt();
    expect(await pull(ref, '--insecure')).toMatchObject({
      status: 125,
      stderr: expect.stringMatching(
        /wants a name and a password; podman login or docker login keeps them\n$/,
      ),
    });
    const file = join(home, 'containers/auth.json');
    mkdirSync(join(home, 'containers'));
    writeFileSync(file, JSON.stringify({ auths: { [host]: { auth: auth('wrong') } } }));
    expect((await pull(ref, '--insecure')).stderr).toMatch(/refuses the credentials of tester\n$/);
    const words = ['login', '--tls-verify=false', '--authfile', file, '-u', 'tester', '-p', 'secret', host];
    expect(run('podman', words, { env, timeout: 60_000 })).toMatchObject({ status: 0 });
    expect(await pull(ref, '--insecure')).toMatchObject(fine);
    // A part of the registry's names may have others.
    const narrow = { auths: { [host]: { auth: auth('wrong') }, [`${host}/team`]: { auth: auth('secret') } } };
    writeFileSync(file, JSON.stringify(narrow));
    expect(await pullerAt(undefined, { REGISTRY_AUTH_FILE: file }).pull(ref, '--insecure')).toMatchObject(
      fine,
    );
  });

  test('of a helper, for one registry and for all; as root only of root', async (context) => {
    needs(context, 'root');
    const { host } = await registry(context, 'password');
    const ref = `${host}/team/app:1`;
    // A directory whose parents are everybody's own, as /usr/local/bin is.
    const bin = tempDir('bin');
    const helper = join(bin, 'docker-credential-ctrtest');
    writeFileSync(
      helper,
      `#!/bin/sh\nread server\necho "$1 $server" >>${bin}/asked\n[ "$server" = "${host}" ] || { echo "credentials not found in native keychain"; exit 1; }\necho '{"ServerURL":"x","Username":"tester","Secret":"secret"}'\n`,
      { mode: 0o755 },
    );
    for (const config of [{ credHelpers: { [host]: 'ctrtest' } }, { credsStore: 'ctrtest' }]) {
      const { home, pull } = pullerAt(undefined, { PATH: `${bin}:/usr/bin:/bin` });
      mkdirSync(join(home, '.docker'));
      writeFileSync(join(home, '.docker/config.json'), JSON.stringify(config));
      expect(await pull(ref, '--insecure')).toMatchObject(fine);
    }
    expect(readFileSync(join(bin, 'asked'), 'utf8')).toBe(`get ${host}\n`.repeat(2));
    const { home, pull } = pullerAt(undefined, { PATH: `${bin}:/usr/bin:/bin` });
    mkdirSync(join(home, '.docker'));
    writeFileSync(join(home, '.docker/config.json'), JSON.stringify({ credsStore: 'ctrtest' }));
    chmodSync(helper, 0o777);
    expect((await pull(ref, '--insecure')).stderr).toMatch(
      /will not run .*docker-credential-ctrtest as root/,
    );
    expect(readFileSync(join(bin, 'asked'), 'utf8')).toBe(`get ${host}\n`.repeat(2));
  });

  test('a file of them that is spoilt is said to be, and not shown', async (context) => {
    const { host } = await registry(context, 'password');
    const { pull, home } = pullerAt();
    mkdirSync(join(home, '.docker'));
    writeFileSync(join(home, '.docker/config.json'), '{"auths": {"x": {"auth": "c2VjcmV0');
    const { stderr } = await pull(`${host}/team/app:1`, '--insecure');
    expect(stderr).toMatch(/config\.json is not JSON/);
    expect(stderr).not.toContain('c2VjcmV0');
  });
});

describe('mirrors', () => {
  test('--mirror is asked first, and what it lacks or spoils is asked of the registry', async (context) => {
    const { host } = await registry(context, 'plain');
    const copy = await front(host, (_request, _response, pass) => pass());
    const origin = await front(host, (_request, _response, pass) => pass());
    const ref = `${origin.host}/team/app:1`;
    expect(await pullerAt().pull(ref, '--insecure', '--mirror', copy.host)).toMatchObject(fine);
    expect([origin.seen, copy.seen.filter(isBlob).length]).toEqual([[], 2]);
    const lacking = await front(host, (_request, response) => {
      response.writeHead(404);
      response.end();
    });
    expect(await pullerAt().pull(ref, '--insecure', '--mirror', lacking.host)).toMatchObject(fine);
    expect(lacking.seen.length).toBeGreaterThan(2);
    const lying = await front(host, (request, response, pass) => {
      if (!isBlob({ url: request.url! })) return pass();
      pass((from, to) => {
        to.writeHead(200, { 'content-length': from.headers['content-length'] });
        from.on('data', (part: Buffer) => to.write(Buffer.alloc(part.length)));
        from.on('end', () => response.end());
      });
    });
    expect(await pullerAt().pull(ref, '--insecure', '--mirror', lying.host)).toMatchObject(fine);
    expect(origin.seen.filter(isBlob).length).toBe(4);
  });

  test('registries.conf: a mirror, another location, a part of the names, and what is blocked', async (context) => {
    const { host } = await registry(context, 'plain');
    const conf = join(tempDir('conf'), 'registries.conf');
    const withConf = (text: string) => {
      writeFileSync(conf, text);
      return pullerAt(undefined, { CONTAINERS_REGISTRIES_CONF: conf });
    };
    const mirrored = withConf(
      `[[registry]]\nprefix = "far.invalid"\nlocation = "far.invalid"\n[[registry.mirror]]\nlocation = "${host}"\ninsecure = true\n`,
    );
    expect(await mirrored.pull('far.invalid/team/app:1')).toMatchObject({
      ...fine,
      stdout: expect.stringMatching(/^far\.invalid\/team\/app@sha256:/),
    });
    const moved = withConf(
      `[[registry]]\nprefix = "far.invalid/old"\nlocation = "${host}/team"\ninsecure = true\n`,
    );
    expect(await moved.pull('far.invalid/old/app:1')).toMatchObject(fine);
    expect((await moved.pull('far.invalid/older/app:1')).status).toBe(125);
    const blocked = withConf('[[registry]]\nlocation = "far.invalid"\nblocked = true\n');
    expect((await blocked.pull('far.invalid/team/app:1')).stderr).toBe(
      'img-pull: far.invalid/team/app: registries.conf blocks far.invalid\n',
    );
    const spoilt = withConf('[[registry]\n');
    expect((await spoilt.pull('far.invalid/team/app:1')).stderr).toMatch(/^img-pull: .*registries\.conf: /);
  });
});

describe('proxies', () => {
  /** One that makes tunnels (RFC 9110, 9.3.6), wherever they are asked to lead. */
  async function proxy(to: string): Promise<{ url: string; asked: string[] }> {
    const asked: string[] = [];
    const server = http.createServer((_request, response) => response.writeHead(400).end());
    server.on('connect', (request, client: net.Socket, head) => {
      asked.push(request.url!);
      const [name, port] = to.split(':');
      const onward = net.connect(Number(port), name!, () => {
        client.write('HTTP/1.1 200 Connection established\r\n\r\n');
        onward.write(head);
        onward.pipe(client).pipe(onward);
      });
      onward.on('error', () => client.destroy());
      client.on('error', () => onward.destroy());
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    atFileEnd(() => {
      server.closeAllConnections();
      server.close();
    });
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked };
  }

  test('HTTPS_PROXY makes tunnels for other machines, and NO_PROXY names those without', async (context) => {
    const { host, ca } = await registry(context, 'tls');
    const through = await proxy(host);
    // Only the proxy knows this name.
    const ref = 'registry.test:4443/team/app:1';
    const { pull } = pullerAt(undefined, { HTTPS_PROXY: through.url });
    expect(await pull(ref, '--ca', ca)).toMatchObject(fine);
    expect(new Set(through.asked)).toEqual(new Set(['registry.test:4443']));
    const none = pullerAt(undefined, { HTTPS_PROXY: through.url, NO_PROXY: 'registry.test' });
    expect((await none.pull(ref, '--ca', ca)).stderr).toMatch(/there is no host of this name|EAI_AGAIN/);
    through.asked.length = 0;
    const near = pullerAt(undefined, { HTTPS_PROXY: through.url });
    expect(await near.pull(`${host}/team/app:1`, '--ca', ca)).toMatchObject(fine);
    expect(through.asked).toEqual([]);
  });
});

describe('referrers', () => {
  test('are listed by the API, and by the tag of a registry without it', async (context) => {
    const { host } = await registry(context, 'plain');
    const { pull } = pullerAt();
    const pinned = (await pull(`${host}/team/app:1`, '--insecure')).stdout.trim();
    const digest = pinned.split('@')[1]!;
    expect(await pull('--referrers', `${host}/team/app:1`, '--insecure')).toMatchObject({
      status: 0,
      stdout: '',
      stderr: `nothing refers to ${digest}\n`,
    });
    const type = 'application/vnd.example.sbom.v1';
    const list = JSON.stringify({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.index.v1+json',
      manifests: [
        {
          mediaType: 'application/vnd.oci.image.manifest.v1+json',
          digest: `sha256:${'1'.repeat(64)}`,
          size: 1234,
          artifactType: type,
        },
      ],
    });
    // This registry is of version 1.0: the list is the image of a tag.
    const byApi = await front(host, (request, response, pass) => {
      if (!request.url!.includes('/referrers/')) return pass();
      response.writeHead(200, { 'content-type': 'application/vnd.oci.image.index.v1+json' });
      response.end(list);
    });
    const byTag = await front(host, (request, response, pass) => {
      if (!request.url!.endsWith(`/manifests/${digest.replace(':', '-')}`)) return pass();
      response.writeHead(200, { 'content-type': 'application/vnd.oci.image.index.v1+json' });
      response.end(list);
    });
    for (const server of [byApi, byTag]) {
      const { stdout, stderr } = await pull('--referrers', `${server.host}/team/app@${digest}`, '--insecure');
      expect(stderr).toBe('');
      expect(stdout).toMatch(
        /^TYPE +DIGEST +SIZE\napplication\/vnd\.example\.sbom\.v1 +sha256:1{64} +1\.21 KiB\n$/,
      );
    }
  });
});
