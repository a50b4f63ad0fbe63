import { Failure, type Host } from '@ctr-tools/cli';
import type { Spec } from '@ctr-tools/oci';
import { readMountinfo } from '@ctr-tools/sys/proc';
import { chooseDriver, type Driver } from './driver/index.ts';
import { type HostTree, hostRootMounts, hostTree } from './host-root.ts';
import { inUserNamespace, type Owners, ownersOf, squashes } from './owners.ts';
import { platformOf } from './platform.ts';
import type { RootRequest } from './root-annotation.ts';
import { readSource, type Source } from './source/index.ts';
import { imagesFor } from './source/registry.ts';
import { type Stack, stackOf } from './stack.ts';
import type { Store } from './store.ts';

/** Everything that decides how a root is made. */
export interface RootFacts {
  store: Store;
  request: RootRequest;
  sources: Source[];
  stack: Stack;
  /** The machine's own root: mount points, `/` first. */
  hostMounts?: string[];
  /** The same for a mount namespace of another user namespace, where no overlay can be made of `/`. */
  hostTree?: HostTree;
  driver: Driver;
  /** Not root: everything in layers belongs to us. */
  squash: boolean;
  /** The root's owners are those of a container's user namespace, whom we may map: we are the machine's root. */
  owners?: Owners;
  /** The mounting process is in a user namespace that the layers' marks must be made for. */
  userMarks: boolean;
  /** Width of the terminal on stderr, or 0. */
  columns: number;
  /** The launcher's PID, for names of what is half made. */
  pid: number;
  /** The caller, for the maps of a user namespace. */
  uid: number;
  gid: number;
}

/** Read what a request comes to. Throws a `Failure` for what is not there or does not go together. */
export function gatherRoot(
  request: RootRequest,
  host: Host,
  relativeTo: string,
  spec: Spec | undefined,
): RootFacts {
  const platform = request.platform === undefined ? undefined : platformOf(request.platform);
  const images = imagesFor(host);
  const { store } = images;
  const sources = request.sources.map((text) => readSource(text, relativeTo, { platform, images }));
  const hosts = sources.filter((source) => source.kind === 'host');
  if (hosts.length > 0 && sources.length > 1)
    throw new Failure('"host" is a whole root; it cannot be one layer among others');
  if (hosts.length > 0 && request.upper !== undefined)
    throw new Failure(
      'the changes of a root made from "host" cannot be kept: it is several file systems; use --temp',
    );
  const stack = stackOf(sources);
  const squash = squashes(host.euid);
  const inside = inUserNamespace();
  const userNamespace = spec?.linux?.namespaces?.find((ns) => ns.type === 'user');
  const isHost = hosts.length > 0;
  const owners =
    squash || inside || isHost || !userNamespace ? undefined : ownersOf(spec!, userNamespace.path);
  const userMarks = squash || inside || (isHost && userNamespace !== undefined);
  const formed: Store = { ...store, form: squash ? '.own' : userMarks ? '.user' : '' };
  const situation = {
    store: formed,
    stack,
    host: isHost,
    rootless: squash,
    inside,
    data: stack.data.length > 0,
  };
  return {
    store: formed,
    request: { ...request, sources: pinned(request.sources, sources) },
    sources,
    stack,
    ...(isHost && { hostMounts: hostRootMounts(readMountinfo()) }),
    ...(isHost && (squash || inside) && { hostTree: hostTree(readMountinfo()) }),
    driver: chooseDriver(request.driver, situation),
    squash,
    ...(owners && { owners }),
    userMarks,
    columns: host.tty[2] ? host.columns : 0,
    pid: host.pid,
    uid: host.euid,
    gid: host.egid,
  };
}

/** What is recorded names the content that is used, whatever a tag means by then. */
const pinned = (texts: readonly string[], sources: readonly Source[]): string[] =>
  texts.map((text, i) => {
    const source = sources[i]!;
    return (source.kind === 'image' ? source.pinned : undefined) ?? text;
  });
