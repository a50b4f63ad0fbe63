/**
 * What a target can name beside a PID: a container of ctr-run's by its ID, and one of Docker's or podman's. These
 * engines' state is read from their files: nobody has to run but the container.
 */
import {
  dirname,
  errorCode,
  exists,
  join,
  monotonic,
  namesIn,
  readText,
  resolve,
  type SystemError,
} from '@ctr-tools/host';
import { invalidId, parseJson } from '@ctr-tools/oci';
import { callerPid, readCgroups } from '@ctr-tools/sys/proc';
import { Failure, UsageError } from './errors.ts';
import type { Host } from './host.ts';
import { commandOf } from './launcher.ts';
import { defaultStateRoot, STATE_ROOT } from './state-root.ts';

/** The highest PID that the kernel can give (PID_MAX_LIMIT, proc_sys_kernel(5)). */
export const PID_MAX = 4_194_304;

const engines = { docker: dockerContainer, podman: podmanContainer };

/** What a person types for a target that is a process, in help and errors. */
export const processTargets = "a PID, a container's ID, docker:NAME or podman:NAME";

/** Whether a word is `docker:NAME` or `podman:NAME`. */
export const isEngineTarget = (word: string): boolean => /^(docker|podman):/.test(word);

/**
 * The process that `word` names: digits are a PID, nothing and `self` the caller, all else a container, whose ID may
 * be forced by `id:`; a launcher of ours stands for its command (`commandOf`). `flag` is what named it. Throws a `Failure` or `UsageError`.
 */
export function processTarget(word: string, host: Host, flag: string): number {
  if (word === '' || word === 'self') return callerPid(host.pid);
  if (isEngineTarget(word)) return engineContainer(word, host, flag).pid;
  if (word.startsWith('id:')) return containerPid(word.slice(3), host, flag);
  if (!/^\d+$/.test(word)) return containerPid(word, host, flag);
  if (Number(word) < 1 || Number(word) > PID_MAX)
    throw new UsageError(`${flag} ${word}: a PID is a number from 1 to ${PID_MAX}`);
  return commandOf(Number(word), host);
}

/** The PID of a container of ctr-run's, from its state (runtime.md, State). */
export function containerPid(id: string, host: Host, flag: string): number {
  const root = defaultStateRoot(host) ?? STATE_ROOT;
  const wrong = invalidId(id);
  if (wrong !== undefined)
    throw new UsageError(
      `${flag} ${id}: neither a PID nor a container's ID: ${wrong}; give ${processTargets}`,
    );
  let text: string;
  try {
    text = readText(join(resolve(host.cwd, root), id, 'state.json'));
  } catch (error) {
    const { code, message } = error as SystemError;
    throw new Failure(
      code === 'ENOENT'
        ? `${flag} ${id}: no container of that ID in ${root} (CTR_STATE_ROOT names another place); give ${processTargets}`
        : `${flag} ${id}: ${message}`,
    );
  }
  const state = parseJson(text, `the state of ${id}`) as { pid?: number; startTime?: number };
  if (!state.pid) throw new Failure(`${flag} ${id}: the container has no process`);
  const stat = lifeOf(state.pid);
  if (!stat || stat.state === 'Z' || (state.startTime !== undefined && state.startTime !== stat.startTime))
    throw new Failure(`${flag} ${id}: the container has stopped`);
  return state.pid;
}

/** Fields 3 and 22 of proc_pid_stat(5), counted from behind the name, which may hold anything. */
function lifeOf(pid: number): { state: string; startTime: number } | undefined {
  try {
    const text = readText(`/proc/${pid}/stat`);
    const rest = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { state: rest[0]!, startTime: Number(rest[19]) };
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes(errorCode(error) ?? '')) return undefined;
    throw error;
  }
}

export interface EngineContainer {
  id: string;
  pid: number;
}

/** The container that `docker:NAME` or `podman:NAME` means, which runs. NAME may be an ID too, or how one begins. */
export function engineContainer(word: string, host: Host, flag: string): EngineContainer {
  const [engine, name] = [word.slice(0, 6) as keyof typeof engines, word.slice(7)];
  if (name === '') throw new UsageError(`${flag} ${word}: give a container's name or ID behind ${engine}:`);
  const { id, pid } = engines[engine](name, host, `${flag} ${word}`);
  if (!pid || !lifeOf(pid)) throw new Failure(`${flag} ${word}: the container does not run`);
  // After a crash the files still tell of processes that are gone; a PID is then somebody else's.
  if (!readCgroups(pid).some(({ path }) => path.includes(id)))
    throw new Failure(
      `${flag} ${word}: PID ${pid} of its files is in no group of that container, and is perhaps another process; give the PID`,
    );
  return { id, pid };
}

/** Which of the containers is meant: by a whole name or ID, or by the only ID that begins so, as docker(1) has it. */
function pick<C extends { id: string; names: readonly string[] }>(
  all: readonly C[],
  name: string,
  what: string,
): C {
  const whole = all.filter(({ id, names }) => id === name || names.includes(name));
  const found =
    whole.length > 0 || !/^[0-9a-f]+$/.test(name) ? whole : all.filter(({ id }) => id.startsWith(name));
  if (found.length > 1) throw new Failure(`${what}: several containers have an ID that begins so`);
  if (found[0]) return found[0];
  const known = all.flatMap(({ names }) => names).toSorted();
  throw new Failure(
    `${what}: there is no such container${known.length > 0 && known.length < 20 ? `; there are ${known.join(', ')}` : ''}`,
  );
}

/** The names in a directory of an engine's. */
function listed(directory: string, what: string): string[] {
  try {
    return namesIn(directory);
  } catch (error) {
    const { code, message } = error as SystemError;
    if (code === 'ENOENT') throw new Failure(`${what}: the engine keeps no containers in ${directory}`);
    throw new Failure(`${what}: ${message}${code === 'EACCES' ? '; its state is for root alone' : ''}`);
  }
}

const jsonIfAny = (path: string): unknown => (exists(path) ? parseJson(readText(path), path) : undefined);

/** A container as an engine's files tell of it. */
interface Told {
  id: string;
  names: readonly string[];
  pid(): number;
}

function dockerContainer(name: string, _host: Host, what: string): EngineContainer {
  const { id, pid } = pick(dockerContainers(what), name, what);
  return { id, pid: pid() };
}

/** dockerd writes each container's state into `config.v2.json` whenever it changes; root alone may read it. */
function dockerContainers(what: string): Told[] {
  const settings = jsonIfAny('/etc/docker/daemon.json') as { 'data-root'?: unknown } | undefined;
  const set = settings?.['data-root'];
  const directory = join(typeof set === 'string' ? set : '/var/lib/docker', 'containers');
  return listed(directory, what).flatMap((id) => {
    const read = jsonIfAny(join(directory, id, 'config.v2.json')) as
      | { Name?: string; State?: { Running?: boolean; Pid?: number } }
      | undefined;
    if (!read) return [];
    const pid = read.State?.Running ? (read.State.Pid ?? 0) : 0;
    return [{ id, names: [(read.Name ?? '').replace(/^\//, '')], pid: () => pid }];
  });
}

function podmanContainer(name: string, host: Host, what: string): EngineContainer {
  const { id, pid } = pick(podmanContainers(host, what), name, what);
  return { id, pid: pid() };
}

/**
 * podman's names stand in its storage's lists (`containers.json`, `volatile-containers.json` for those made with
 * --rm), and the PID in the file that conmon was told to write.
 */
function podmanContainers(host: Host, what: string): Told[] {
  const [graph, run] = podmanRoots(host);
  const drivers = listed(graph, what).filter((entry) => entry.endsWith('-containers'));
  return drivers.flatMap((driver) =>
    [join(graph, driver), join(run, driver)].flatMap((directory) =>
      ['containers.json', 'volatile-containers.json'].flatMap((list) => {
        const read = (jsonIfAny(join(directory, list)) ?? []) as { id: string; names?: string[] }[];
        return read.map(({ id, names = [] }) => {
          const file = join(run, driver, id, 'userdata/pidfile');
          return { id, names, pid: () => (exists(file) ? Number(readText(file)) : 0) };
        });
      }),
    ),
  );
}

/**
 * What people call the containers of engines, by their IDs. The files are read again when an ID is asked for that is
 * not known, which may be none of these engines': no more often than every ten seconds.
 */
export function engineNames(host: Host): (id: string) => string | undefined {
  let known = new Map<string, string>();
  let next = 0;
  const read = (list: (what: string) => Told[]): [string, string][] => {
    try {
      return list('names').flatMap(({ id, names }) => (names[0] ? [[id, names[0]]] : []));
    } catch {
      return []; // no such engine here, or its files are not ours to read
    }
  };
  return (id) => {
    if (!known.has(id) && monotonic() >= next) {
      known = new Map([...read(dockerContainers), ...read((what) => podmanContainers(host, what))]);
      next = monotonic() + 10_000;
    }
    return known.get(id);
  };
}

/** Where podman keeps containers and what runs of them: containers-storage.conf(5), `graphroot` and `runroot`. */
function podmanRoots({ env, euid }: Host): [graph: string, run: string] {
  const home = env.get('HOME') ?? '';
  const usual: [string, string] =
    euid === 0
      ? ['/var/lib/containers/storage', '/run/containers/storage']
      : [
          join(env.get('XDG_DATA_HOME') ?? `${home}/.local/share`, 'containers/storage'),
          join(env.get('XDG_RUNTIME_DIR') ?? `/run/user/${euid}`, 'containers'),
        ];
  const own = join(env.get('XDG_CONFIG_HOME') ?? `${home}/.config`, 'containers/storage.conf');
  const file =
    env.get('CONTAINERS_STORAGE_CONF') ??
    [...(euid === 0 ? [] : [own]), '/etc/containers/storage.conf', '/usr/share/containers/storage.conf'].find(
      exists,
    );
  if (file === undefined || !exists(file)) return usual;
  const text = readText(file);
  const set = (key: string): string | undefined =>
    new RegExp(`^\\s*${key}\\s*=\\s*"([^"$]+)"`, 'm').exec(text)?.[1];
  // Without root the machine's file speaks of root's storage; rootless_storage_path is the user's there.
  if (euid !== 0 && dirname(file) !== dirname(own) && !env.has('CONTAINERS_STORAGE_CONF'))
    return [set('rootless_storage_path') ?? usual[0], usual[1]];
  return [set('graphroot') ?? usual[0], set('runroot') ?? usual[1]];
}
