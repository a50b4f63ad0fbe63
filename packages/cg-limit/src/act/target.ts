/** TARGET of an act: a process, a group by path, a slice by name, or a container by ID. */

import {
  commandOf,
  defaultStateRoot,
  engineContainer,
  Failure,
  type Host,
  isEngineTarget,
  STATE_ROOT,
} from '@ctr-tools/cli';
import {
  basename,
  errorCode,
  exists,
  join,
  readFile,
  readText,
  relative,
  resolve,
  statIfAny,
} from '@ctr-tools/host';
import { invalidId, parseJson } from '@ctr-tools/oci';
import { type Place, placeOf, type Target } from '../controllers/show.ts';
import type { CgroupRecord } from '../groups.ts';
import { carriedBy, type Hierarchy, hierarchiesOf, versionAt } from '../layout.ts';
import { checkPath, directoryIn, parseApart } from '../place.ts';
import { sliceGroup } from '../systemd/choose.ts';

export { type Place, placeOf, type Target };

const isDirectory = (path: string): boolean => statIfAny(path)?.isDirectory() ?? false;

/** The unit of systemd's whose groups these are. */
export function unitOf(places: readonly Place[]): string | undefined {
  if (!exists('/run/systemd/system')) return undefined;
  return places.map((p) => basename(p.directory)).find((name) => /\.(?:scope|service|slice)$/.test(name));
}

/** Resolve what a person typed. Throws a `Failure` for what is not there. */
export function targetOf(text: string, host: Host): Target {
  if (/^\d+$/.test(text)) return ofProcess(commandOf(Number(text), host));
  if (text.startsWith('/') || text.startsWith('./') || text.startsWith('../') || parseApart(text))
    return ofPath(text, host);
  if (isEngineTarget(text)) return ofEngine(text, host);
  if (text.endsWith('.slice')) return ofPath(sliceGroup(text, hierarchiesOf(), host), host);
  return ofContainer(text.replace(/^id:/, ''), host);
}

/** The groups of one process, whatever it is. */
export function ofProcess(pid: number): Target {
  let hierarchies: readonly Hierarchy[];
  try {
    hierarchies = hierarchiesOf(pid);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') throw new Failure(`there is no process ${pid}`);
    throw new Failure(`read the groups of process ${pid}: ${(error as Error).message}`);
  }
  return {
    name: `process ${pid}`,
    places: hierarchies.filter((h) => isDirectory(h.directory)).map((h) => placeAt(h, h.directory)),
  };
}

/** The groups of a container of an engine's: those with its ID in their name, in which its process may have made others. */
function ofEngine(text: string, host: Host): Target {
  const { id, pid } = engineContainer(text, host, 'TARGET');
  const whole = ({ directory }: Place): string => {
    const end = directory.indexOf('/', directory.lastIndexOf(id));
    return directory.includes(id) && end >= 0 ? directory.slice(0, end) : directory;
  };
  const places = ofProcess(pid).places.filter(({ directory }) => directory.includes(id));
  return { name: text, places: places.map((place) => ({ ...place, directory: whole(place) })) };
}

/** A directory of a mounted hierarchy, or a path from the root of each; the same group elsewhere belongs to it. */
function ofPath(text: string, host: Host): Target {
  const hierarchies = hierarchiesOf();
  const absolute = text.startsWith('.') ? resolve(host.cwd, text) : text;
  let path = absolute;
  if (!parseApart(text) && versionAt(absolute) !== undefined) {
    const home = hierarchies.find(
      (h) => absolute === h.mountPoint || absolute.startsWith(`${h.mountPoint}/`),
    );
    if (home) path = `/${relative(home.mountPoint, absolute)}`;
  }
  if (path !== '/') checkPath(path, 'the path');
  const places = hierarchies
    .map((h) => placeAt(h, directoryIn(h, path)))
    .filter((place) => isDirectory(place.directory));
  if (places.length === 0)
    throw new Failure(
      `there is no group ${path} in any hierarchy; --show without a target lists those that there are`,
    );
  return { name: path, places };
}

/** By the state that ctr-run keeps of a container. */
function ofContainer(id: string, host: Host): Target {
  const wrong = invalidId(id);
  if (wrong !== undefined) throw new Failure(`"${id}" is not the ID of a container: ${wrong}`);
  const root = defaultStateRoot(host) ?? STATE_ROOT;
  let record: { cgroup?: CgroupRecord };
  try {
    record = parseJson(readFile(`${root}/${id}/state.json`), `${root}/${id}/state.json`) as typeof record;
  } catch (error) {
    if (errorCode(error) === 'ENOENT')
      throw new Failure(
        `there is no container "${id}" in ${root}; ctr-run list shows those there are (a path needs a / before it)`,
      );
    throw error;
  }
  return targetOfRecord(id, record.cgroup);
}

/** The groups that a container's state names. Throws a `Failure` where none of them is there. */
export function targetOfRecord(id: string, cgroup: CgroupRecord | undefined): Target {
  const paths = cgroup?.paths ?? {};
  const places = hierarchiesOf().flatMap((h) => {
    const key = h.version === 2 ? 'unified' : carriedBy(h)[0]!;
    const directory = paths[key];
    return directory !== undefined && isDirectory(directory) ? [placeAt(h, directory)] : [];
  });
  if (places.length === 0) throw new Failure(`the container ${id} has no cgroup${cgroup ? ' any more' : ''}`);
  return { name: id, places };
}

/** The group of a hierarchy in this directory. */
export const placeAt = (h: Hierarchy, directory: string): Place => ({
  version: h.version,
  controllers: h.version === 1 ? carriedBy(h) : v2Controllers(directory),
  directory,
  mountPoint: h.mountPoint,
});

function v2Controllers(directory: string): string[] {
  try {
    return readText(join(directory, 'cgroup.controllers')).trim().split(' ').filter(Boolean);
  } catch {
    return [];
  }
}

/** The places that are no root: whoever changes a root changes the machine. */
export function changeable(target: Target): Place[] {
  const places = target.places.filter((p) => p.directory !== p.mountPoint);
  if (places.length === 0)
    throw new Failure(
      `${target.name} is in the root groups, which hold the whole machine and have no limits`,
    );
  return places;
}
