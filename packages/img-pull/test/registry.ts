/** A registry of Debian's for tests, and whoever stands in front of it. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import net from 'node:net';
import { join } from 'node:path';
import { expect, type TestContext } from 'vitest';
import {
  atFileEnd,
  findCommand,
  needs,
  run,
  skip,
  start,
  tempDir,
  toolEnv,
  toolPath,
} from '../../../test/support.ts';
import { unpacked } from '../../ctr-run/test/unpacked.ts';

/** Debian's docker-registry: the one that is installed, or one unpacked. */
export function program(): string | { lacks: string } {
  const installed = findCommand('docker-registry');
  if (installed !== undefined) return installed;
  const found = unpacked('registry', 'bookworm', ['docker-registry']);
  return 'root' in found ? join(found.root, 'usr/bin/docker-registry') : found;
}

export interface RegistryOptions {
  /** Whoever comes says the password of `tester`, which is `secret`. */
  password?: boolean;
  /** It speaks TLS by a certificate of its own for 127.0.0.1 and localhost. */
  tls?: boolean;
}

export interface TestRegistry {
  host: string;
  /** The certificate that vouches for it, where it speaks TLS. */
  ca: string;
  child: ChildProcess;
}

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });

/** A certificate for this machine's own address (openssl-req(1)). */
export function certificate(directory: string): { cert: string; key: string } {
  const cert = join(directory, 'cert.pem');
  const key = join(directory, 'key.pem');
  const made = spawnSync(
    'openssl',
    'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=ctr-test'
      .split(' ')
      .concat(['-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost,DNS:registry.test'])
      .concat(['-keyout', key, '-out', cert]),
    { encoding: 'utf8' },
  );
  if (made.status !== 0) throw new Error(made.stderr);
  return { cert, key };
}

/** One that runs until the file's tests have ended. */
export async function startRegistry(
  context: TestContext,
  { password = false, tls = false }: RegistryOptions = {},
): Promise<TestRegistry> {
  const file = program();
  if (typeof file !== 'string') skip(context, file.lacks);
  if (tls) needs(context, 'command:openssl');
  const directory = tempDir('registry');
  const host = `127.0.0.1:${await freePort()}`;
  const { cert, key } = tls ? certificate(directory) : { cert: '', key: '' };
  // bcrypt of `secret`.
  const line = 'tester:$2b$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a\n';
  writeFileSync(join(directory, 'htpasswd'), line);
  const config = {
    version: '0.1',
    log: { level: 'error' },
    storage: { filesystem: { rootdirectory: join(directory, 'data') }, delete: { enabled: true } },
    http: { addr: host, ...(tls && { tls: { certificate: cert, key } }) },
    ...(password && { auth: { htpasswd: { realm: 'test', path: join(directory, 'htpasswd') } } }),
  };
  // YAML has JSON in it.
  writeFileSync(join(directory, 'config.yml'), JSON.stringify(config));
  const child = spawn(file, ['serve', join(directory, 'config.yml')], { stdio: 'ignore' });
  atFileEnd(() => child.kill('SIGKILL'));
  for (let tries = 0; !(await connects(host)); tries++) {
    if (tries > 600) throw new Error(`${file} does not listen at ${host}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return { host, ca: cert, child };
}

const connects = (host: string): Promise<boolean> =>
  new Promise((resolve) => {
    const [name, port] = host.split(':');
    const socket = net.connect(Number(port), name!);
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });

/** Put an image of a layout there by skopeo. */
export function pushed(
  context: TestContext,
  layout: string,
  host: string,
  name: string,
  ...more: string[]
): string {
  needs(context, 'command:skopeo');
  const ended = run('skopeo', [
    'copy',
    '--quiet',
    '--dest-tls-verify=false',
    ...more,
    layout,
    `docker://${host}/${name}`,
  ]);
  expect(ended).toMatchObject({ status: 0 });
  return `${host}/${name}`;
}

export interface Seen {
  method: string;
  url: string;
  headers: http.IncomingHttpHeaders;
}

export interface Front {
  host: string;
  seen: Seen[];
}

/** What a request gets: by `pass` what the registry answers, which `change` may spoil. */
export type Hook = (
  request: http.IncomingMessage,
  response: http.ServerResponse,
  pass: (change?: (from: http.IncomingMessage, to: http.ServerResponse) => void) => void,
) => void;

/** A server that hands requests on, unless the hook does something else. */
export async function front(upstream: string, hook: Hook): Promise<Front> {
  const seen: Seen[] = [];
  const [name, port] = upstream.split(':');
  const server = http.createServer((request, response) => {
    seen.push({ method: request.method!, url: request.url!, headers: request.headers });
    const pass = (change?: (from: http.IncomingMessage, to: http.ServerResponse) => void): void => {
      const { host: _host, ...headers } = request.headers;
      const asked = http.request(
        { host: name, port, method: request.method, path: request.url, headers },
        (answer) => {
          response.on('error', () => answer.destroy());
          if (change) return change(answer, response);
          response.writeHead(answer.statusCode!, answer.headers);
          answer.pipe(response);
        },
      );
      asked.on('error', () => response.destroy());
      request.pipe(asked);
    };
    hook(request, response, pass);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  atFileEnd(() => {
    server.closeAllConnections();
    server.close();
  });
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, seen };
}

export const isBlob = ({ url }: Pick<Seen, 'url'>): boolean => /\/blobs\/sha256:/.test(url);

/** A store of its own, and the tool over it; the test's process goes on serving meanwhile. */
export function pullerAt(store = tempDir('store'), more: Record<string, string> = {}) {
  const home = tempDir('home');
  const env = { ...toolEnv(), HOME: home, XDG_RUNTIME_DIR: home, CTR_STORE: store, ...more };
  return {
    store,
    home,
    env,
    pull: (...args: string[]) => start(toolPath('img-pull'), args, { env }).ended,
    ufs: (...args: string[]) => start(toolPath('ufs-mount'), args, { env }).ended,
    running: (...args: string[]) => start(toolPath('img-pull'), args, { env }),
    json: (path: string) => JSON.parse(readFileSync(join(store, path), 'utf8')) as Record<string, unknown>,
  };
}
