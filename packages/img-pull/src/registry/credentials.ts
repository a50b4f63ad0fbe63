/** Who we are to a registry: containers-auth.json(5) and Docker's config.json, with their helpers. */
import { spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { Failure, type Host } from '@ctr-tools/cli';

export interface Credentials {
  user: string;
  password: string;
  /** A token by which others are had (OAuth2's refresh_token), in the place of both. */
  identity?: string;
}

interface AuthFile {
  auths?: Record<string, { auth?: string; identitytoken?: string }>;
  credHelpers?: Record<string, string>;
  credsStore?: string;
}

type Where = Pick<Host, 'env' | 'euid'>;

/** The files in the order in which they are asked. */
function filesOf({ env }: Where): string[] {
  const home = env.get('HOME');
  const runtime = env.get('XDG_RUNTIME_DIR');
  const config = env.get('XDG_CONFIG_HOME') || (home && `${home}/.config`);
  const named = env.get('REGISTRY_AUTH_FILE');
  const docker = env.get('DOCKER_CONFIG') || (home && `${home}/.docker`);
  if (named) return [named];
  return [
    ...(runtime ? [`${runtime}/containers/auth.json`] : []),
    ...(config ? [`${config}/containers/auth.json`] : []),
    ...(docker ? [`${docker}/config.json`] : []),
  ];
}

function read(path: string): AuthFile | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new Failure(`credentials: ${path} cannot be read: ${code}`);
  }
  try {
    return JSON.parse(text) as AuthFile;
  } catch (error) {
    // What it holds is not to be shown: of a parser's message only the first words.
    throw new Failure(`credentials: ${path} is not JSON (${(error as Error).name})`);
  }
}

/** `https://index.docker.io/v1/` is Docker's name for its own registry; a scheme and a path behind were once usual. */
const plainHost = (key: string): string => {
  const host = key
    .replace(/^https?:\/\//, '')
    .replace(/\/v[12]\/?$/, '')
    .replace(/\/$/, '');
  return /^(?:index\.docker\.io|registry-1\.docker\.io)$/.test(host) ? 'docker.io' : host;
};

/** `quay.io/team/app`, `quay.io/team`, `quay.io` (containers-auth.json(5), "FORMAT"). */
function keysOf(registry: string, repository: string): string[] {
  const parts = [registry, ...repository.split('/')];
  return parts.map((_, i) => parts.slice(0, parts.length - i).join('/'));
}

/** Ask a helper (docker-credential-helpers, "get"). Undefined where it knows nobody. */
function fromHelper(name: string, server: string, host: Where): Credentials | undefined {
  if (!/^[\w.-]+$/.test(name)) throw new Failure(`credentials: "${name}" cannot be the name of a helper`);
  const file = findHelper(`docker-credential-${name}`, host);
  const { status, stdout, stderr, error } = spawnSync(file, ['get'], {
    input: server,
    env: Object.fromEntries(host.env),
    encoding: 'utf8',
    timeout: 30_000,
  });
  if (error) throw new Failure(`credentials: run ${file}: ${error.message}`);
  if (status !== 0) {
    const said = `${stdout}${stderr}`.trim();
    if (/credentials not found/i.test(said)) return undefined;
    throw new Failure(`credentials: ${file} failed for ${server}: ${said.split('\n')[0]}`);
  }
  const { Username: user = '', Secret: secret = '' } = JSON.parse(stdout) as {
    Username?: string;
    Secret?: string;
  };
  return user === '<token>' ? { user: '', password: '', identity: secret } : { user, password: secret };
}

/** In the caller's PATH. Root runs no file that others may write (SECURITY.md). */
function findHelper(file: string, { env, euid }: Where): string {
  for (const directory of (env.get('PATH') ?? '').split(':').filter((one) => one.startsWith('/'))) {
    const path = `${directory}/${file}`;
    try {
      const found = statSync(path);
      if (!found.isFile() || (found.mode & 0o111) === 0) continue;
      const above = statSync(directory);
      const ours = [found, above].every(({ uid, mode }) => uid === 0 && (mode & 0o022) === 0);
      if (euid === 0 && !ours)
        throw new Failure(
          `credentials: will not run ${path} as root: it, or its directory, is not root's alone`,
        );
      return path;
    } catch (error) {
      if (error instanceof Failure) throw error;
    }
  }
  throw new Failure(`credentials: the helper ${file} is not in PATH; a file of credentials names it`);
}

/** `user:password` in base64. */
function decoded(auth: string): Credentials | undefined {
  const text = Buffer.from(auth, 'base64').toString();
  const colon = text.indexOf(':');
  return colon < 0
    ? undefined
    : { user: text.slice(0, colon), password: text.slice(colon + 1).replace(/\0+$/, '') };
}

/** Undefined: we are anybody. Throws a `Failure` where a file or a helper cannot be asked. */
export function credentialsFor(registry: string, repository: string, host: Where): Credentials | undefined {
  for (const path of filesOf(host)) {
    const file = read(path);
    if (!file) continue;
    const servers = registry === 'docker.io' ? ['https://index.docker.io/v1/', 'docker.io'] : [registry];
    for (const [key, helper] of Object.entries(file.credHelpers ?? {})) {
      if (plainHost(key) !== registry) continue;
      const found = fromHelper(helper, key, host);
      if (found) return found;
    }
    const entries = Object.entries(file.auths ?? {});
    for (const key of keysOf(registry, repository)) {
      const entry = entries.find(
        ([name, { auth, identitytoken }]) => plainHost(name) === key && (auth || identitytoken),
      );
      if (!entry) continue;
      const { auth, identitytoken } = entry[1];
      const plain = auth ? decoded(auth) : undefined;
      if (identitytoken) return { user: plain?.user ?? '', password: '', identity: identitytoken };
      if (plain) return plain;
    }
    if (file.credsStore)
      for (const server of servers) {
        const found = fromHelper(file.credsStore, server, host);
        if (found) return found;
      }
  }
  return undefined;
}
