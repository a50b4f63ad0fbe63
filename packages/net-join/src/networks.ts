/** Networks: lists of plugins (CNI specification 1.1, section 1), found by name, read from a file, or made up for `default`. */
import { Failure, fromCaller, type Host } from '@ctr-tools/cli';
import { ACCESS, errorCode, exists, isAccessible, namesIn, readText } from '@ctr-tools/host';
import { parseJson } from '@ctr-tools/oci';
import { freeRange, ownRange6, parseLocals, parseRoutes, rangesIn } from './addresses.ts';
import { DEFAULT_LIST, LEASES, LISTS, PATH, PLUGIN_DIRECTORIES } from './places.ts';

export interface PluginConfig {
  type: string;
  ipam?: { type?: string };
  capabilities?: Record<string, boolean>;
  bridge?: string;
}

export interface Network {
  name: string;
  cniVersion: string;
  plugins: PluginConfig[];
  /** The file that it was read from. */
  file: string;
  /** What `file` is to have, where it is not there yet. */
  text?: string;
}

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;

/** A word with a slash is a file, any other a name. */
export function findNetwork(word: string, host: Host): Network {
  if (word.includes('/')) return readList(fromCaller(host, word));
  const named = listFiles()
    .map((file) => readIfList(file))
    .find((network) => network?.name === word);
  if (named) return named;
  if (word === 'default') return defaultNetwork(host);
  const known = listFiles().flatMap((file) => readIfList(file)?.name ?? []);
  throw new Failure(
    `--network ${word}: no list in ${LISTS} has that name; there ${known.length === 0 ? 'is' : 'are'} default${known.map((name) => `, ${name}`).join('')}, and a file has a slash`,
  );
}

/** In the order of their names, as engines read them. */
export function listFiles(): string[] {
  try {
    return namesIn(LISTS)
      .filter((name) => /\.conf(list)?$/.test(name))
      .map((name) => `${LISTS}/${name}`);
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errorCode(error) ?? '')) return [];
    throw error;
  }
}

/** Somebody else's list that is wrong is in nobody's way. */
function readIfList(file: string): Network | undefined {
  try {
    return readList(file);
  } catch {
    return undefined;
  }
}

export function readList(file: string): Network {
  let text: string;
  try {
    text = readText(file);
  } catch (error) {
    throw new Failure(`--network ${file}: ${(error as Error).message}`);
  }
  return networkOf(parseJson(text, file), file);
}

function networkOf(json: unknown, file: string): Network {
  const wrong = (why: string): Failure => new Failure(`--network ${file}: ${why}`);
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw wrong('it has no JSON object');
  // Before lists there were files with one plugin.
  const list = ('plugins' in json ? json : { ...json, plugins: [json] }) as Record<string, unknown>;
  const { name, cniVersion, plugins } = list;
  if (typeof name !== 'string' || !NAME.test(name))
    throw wrong('"name" is letters, digits and . _ - (CNI specification, section 1)');
  if (typeof cniVersion !== 'string' || !/^\d+\.\d+\.\d+$/.test(cniVersion))
    throw wrong('"cniVersion" is missing, or is not a version');
  if (!Array.isArray(plugins) || plugins.length === 0) throw wrong('"plugins" names no plugin');
  for (const plugin of plugins as (PluginConfig | null)[])
    if (typeof plugin?.type !== 'string' || plugin.type.includes('/') || plugin.type === '')
      throw wrong('a plugin has no "type", which is its file name');
  return { name, cniVersion, plugins: plugins as PluginConfig[], file };
}

/**
 * A bridge with a range that nobody uses. Two that are first at once find the same: what they look at only changes with the
 * first of them, which writes the file before it makes anything.
 */
function defaultNetwork(host: Host): Network {
  const routes = readIfAny('/proc/net/route');
  const locals = readIfAny('/proc/net/fib_trie');
  if (exists(DEFAULT_LIST)) return readList(DEFAULT_LIST);
  const used = [
    ...parseRoutes(routes),
    ...parseLocals(locals),
    ...listFiles().flatMap((file) => rangesIn(readIfAny(file))),
  ];
  const subnet = freeRange(used);
  if (subnet === undefined)
    throw new Failure(
      `--network default: every private range is in use on this machine (ip route); write a list in ${LISTS}`,
    );
  const six =
    exists('/proc/net/if_inet6') && readIfAny('/proc/sys/net/ipv6/conf/all/disable_ipv6').trim() === '0';
  const ranges = [subnet, ...(six ? [ownRange6()] : [])];
  const list = {
    // What Debian 12's plugins know; 1.1.0 only adds to it.
    cniVersion: '1.0.0',
    name: 'default',
    plugins: [
      {
        type: 'bridge',
        bridge: 'ctr0',
        isGateway: true,
        ipMasq: true,
        hairpinMode: true,
        ipam: {
          type: 'host-local',
          dataDir: LEASES,
          ranges: ranges.map((range) => [{ subnet: range }]),
          routes: [{ dst: '0.0.0.0/0' }, ...(six ? [{ dst: '::/0' }] : [])],
        },
      },
      { type: 'portmap', capabilities: { portMappings: true }, snat: true },
      // Where something else lets nothing through (Docker does), this lets its addresses through.
      ...(findPlugin('firewall', host) ? [{ type: 'firewall' }] : []),
    ],
  };
  if (!PATH.split(':').some((directory) => isAccessible(`${directory}/iptables`, ACCESS.EXECUTE)))
    throw new Failure(
      '--network default: its plugins call iptables(8), which is not installed; install iptables (Debian)',
    );
  return { ...networkOf(list, DEFAULT_LIST), text: `${JSON.stringify(list, undefined, 2)}\n` };
}

function readIfAny(path: string): string {
  try {
    return readText(path);
  } catch {
    return '';
  }
}

/** CNI_PATH is the caller's word for where plugins are. */
export const pluginDirectories = (host: Host): string[] => [
  ...(host.env.get('CNI_PATH') ?? '').split(':').filter((directory) => directory.startsWith('/')),
  ...PLUGIN_DIRECTORIES,
];

export const findPlugin = (type: string, host: Host): string | undefined =>
  pluginDirectories(host)
    .map((directory) => `${directory}/${type}`)
    .find((file) => isAccessible(file, ACCESS.EXECUTE));

/** The file of each plugin. Throws a `Failure` for all that are missing, those that plugins call included. */
export function pluginFiles({ name, plugins }: Network, host: Host): string[] {
  const called = plugins.flatMap(({ ipam }) => (ipam?.type ? [ipam.type] : []));
  const missing = [...new Set([...plugins.map(({ type }) => type), ...called])].filter(
    (type) => findPlugin(type, host) === undefined,
  );
  if (missing.length > 0)
    throw new Failure(
      `network ${name}: the plugin${missing.length > 1 ? 's' : ''} ${missing.join(', ')} ${missing.length > 1 ? 'are' : 'is'} not in ${pluginDirectories(host).join(', ')}; install containernetworking-plugins (Debian), or say where in CNI_PATH`,
    );
  return plugins.map(({ type }) => findPlugin(type, host)!);
}

/** What a plugin is given: its part of the list, under the list's name and version (section 4). */
export const configOf = (
  { name, cniVersion }: Network,
  plugin: PluginConfig,
  runtimeConfig: Record<string, unknown>,
): string => {
  const { capabilities, ...rest } = plugin;
  const asked = Object.entries(runtimeConfig).filter(([key]) => capabilities?.[key]);
  return JSON.stringify({
    ...rest,
    name,
    cniVersion,
    ...(asked.length > 0 && { runtimeConfig: Object.fromEntries(asked) }),
  });
};
