/** Where an image is asked for: containers-registries.conf(5), mirrors, and how each host is trusted. */
import { readdirSync, readFileSync } from 'node:fs';
import { Failure, type Host } from '@ctr-tools/cli';
import { type Reference, referenceName } from '@ctr-tools/oci/image';
import { parse } from 'smol-toml';
import type { Trust } from './http.ts';

/** One place that may have an image. */
export interface Place {
  /** `registry-1.docker.io`, `localhost:5000` */
  host: string;
  repository: string;
  /** It may be without TLS, or with a certificate that nobody vouches for. */
  insecure: boolean;
  /** What a mirror is asked for: everything, or only what is named by a digest or only by a tag. */
  serves: 'all' | 'digest-only' | 'tag-only';
  /** Under which names our credentials for it are kept. */
  credentials: { registry: string; repository: string };
  /** It is a place for copies. */
  mirror: boolean;
}

interface MirrorEntry {
  location?: string;
  insecure?: boolean;
  'pull-from-mirror'?: string;
}
interface RegistryEntry extends MirrorEntry {
  prefix?: string;
  blocked?: boolean;
  'mirror-by-digest-only'?: boolean;
  mirror?: MirrorEntry[];
}

function readToml(path: string): RegistryEntry[] | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
  try {
    const { registry } = parse(text) as { registry?: RegistryEntry[] };
    return Array.isArray(registry) ? registry : [];
  } catch (error) {
    throw new Failure(`${path}: ${(error as Error).message.split('\n')[0]}`);
  }
}

const namesIn = (path: string): string[] => {
  try {
    return readdirSync(path).toSorted();
  } catch {
    return [];
  }
};

/** containers-registries.conf(5), "FILES" and "registries.conf.d": what comes later wins for the same prefix. */
function entriesOf({ env }: Pick<Host, 'env'>): RegistryEntry[] {
  const named = env.get('CONTAINERS_REGISTRIES_CONF') || env.get('REGISTRIES_CONFIG_PATH');
  const home = env.get('XDG_CONFIG_HOME') || (env.get('HOME') && `${env.get('HOME')}/.config`);
  const own = home ? `${home}/containers/registries.conf` : undefined;
  const main = named
    ? readToml(named)
    : ((own === undefined ? undefined : readToml(own)) ?? readToml('/etc/containers/registries.conf'));
  const directories = named
    ? []
    : ['/etc/containers/registries.conf.d', ...(own === undefined ? [] : [`${own}.d`])];
  const more = directories.flatMap((directory) =>
    namesIn(directory)
      .filter((name) => name.endsWith('.conf'))
      .flatMap((name) => readToml(`${directory}/${name}`) ?? []),
  );
  const byPrefix = new Map<string, RegistryEntry>();
  for (const entry of [...(main ?? []), ...more]) {
    const prefix = entry.prefix || entry.location;
    if (prefix) byPrefix.set(prefix, { ...entry, prefix });
  }
  return [...byPrefix.values()];
}

/** Whether an entry is about an image, and how much of its name it names. */
function matchLength(prefix: string, name: string): number {
  if (prefix.startsWith('*.')) {
    const host = name.split('/', 1)[0]!;
    return host.endsWith(prefix.slice(1)) ? prefix.length : 0;
  }
  if (name === prefix) return prefix.length;
  return name.startsWith(prefix) && /^[/:@]/.test(name.slice(prefix.length)) ? prefix.length : 0;
}

const split = (location: string): { host: string; path: string } => {
  const slash = location.indexOf('/');
  return slash < 0
    ? { host: location, path: '' }
    : { host: location.slice(0, slash), path: location.slice(slash + 1) };
};

/** Docker's registry is at another host than its name says. */
const realHost = (host: string): string => (host === 'docker.io' ? 'registry-1.docker.io' : host);

/** The places of an image in the order in which they are asked. Throws a `Failure` for a registry that is blocked. */
export function placesOf(
  reference: Reference,
  { mirrors, insecure }: { mirrors: readonly string[]; insecure: boolean },
  host: Pick<Host, 'env'>,
): Place[] {
  const name = referenceName(reference);
  const entry = entriesOf(host)
    .map((one) => ({ one, length: matchLength(one.prefix!, name) }))
    .filter(({ length }) => length > 0)
    .toSorted((a, b) => b.length - a.length)[0]?.one;
  if (entry?.blocked) throw new Failure(`${name}: registries.conf blocks ${entry.prefix}`);
  // What the prefix names is replaced by the location; a wildcard has none to be replaced.
  const rest = entry && !entry.prefix!.startsWith('*.') ? name.slice(entry.prefix!.length) : undefined;
  const at = (location: string): { host: string; repository: string } => {
    const { host: to, path } = split(`${location}${rest ?? ''}`);
    return { host: to, repository: rest === undefined ? reference.repository : path };
  };
  const place = (
    located: { host: string; repository: string },
    more: Pick<Place, 'insecure' | 'serves' | 'mirror'>,
  ): Place => ({
    host: realHost(located.host),
    repository: located.repository,
    credentials: { registry: located.host, repository: located.repository },
    ...more,
  });
  const serves = (mirror: MirrorEntry): Place['serves'] => {
    const said = mirror['pull-from-mirror'];
    if (entry?.['mirror-by-digest-only'] || said === 'digest-only') return 'digest-only';
    return said === 'tag-only' ? 'tag-only' : 'all';
  };
  const given = mirrors.map((text) => {
    const { host: to, path } = split(text.replace(/^https?:\/\//, '').replace(/\/$/, ''));
    return place(
      { host: to, repository: path ? `${path}/${reference.repository}` : reference.repository },
      { insecure: insecure || text.startsWith('http://'), serves: 'all', mirror: true },
    );
  });
  const configured = (entry?.mirror ?? []).flatMap((mirror) =>
    mirror.location
      ? [
          place(at(mirror.location), {
            insecure: insecure || mirror.insecure === true,
            serves: serves(mirror),
            mirror: true,
          }),
        ]
      : [],
  );
  const origin = place(
    entry?.location && rest !== undefined
      ? at(entry.location)
      : { host: reference.registry, repository: reference.repository },
    { insecure: insecure || entry?.insecure === true, serves: 'all', mirror: false },
  );
  return [...given, ...configured, origin];
}

/** Certificates for a host (containers-certs.d(5)): `*.crt` are authorities, `NAME.cert` and `NAME.key` are ours. */
export function trustOf(
  host: string,
  { ca, insecure }: { ca: readonly string[]; insecure: boolean },
  { env }: Pick<Host, 'env'>,
): Trust {
  const trust: Trust = { ca: ca.map(readPem), ...(insecure && { unverified: true }) };
  const home = env.get('HOME');
  const above = [
    ...(home ? [`${home}/.config/containers/certs.d`] : []),
    '/etc/containers/certs.d',
    '/etc/docker/certs.d',
  ];
  for (const directory of above.map((one) => `${one}/${host}`)) {
    const names = namesIn(directory);
    if (names.length === 0) continue;
    trust.ca = [
      ...trust.ca,
      ...names.filter((name) => name.endsWith('.crt')).map((name) => readPem(`${directory}/${name}`)),
    ];
    const own = names.find((name) => name.endsWith('.cert') && names.includes(name.replace(/cert$/, 'key')));
    if (own) {
      trust.cert = readPem(`${directory}/${own}`);
      trust.key = readPem(`${directory}/${own.replace(/cert$/, 'key')}`);
    }
    break;
  }
  return trust;
}

function readPem(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new Failure(`certificates: ${path}: ${(error as NodeJS.ErrnoException).code}`);
  }
}
