import { aaConfine } from '@ctr-tools/aa-confine';
import { capsDrop } from '@ctr-tools/caps-drop';
import { cgLimit } from '@ctr-tools/cg-limit';
import { fromCaller, type Host, type Parsed, parseSize, type Tool, UsageError } from '@ctr-tools/cli';
import { amendSteps, netJoin } from '@ctr-tools/net-join';
import { nsEnter } from '@ctr-tools/ns-enter';
import { defaultSpec, rootlessSpec, type Spec } from '@ctr-tools/oci';
import type { AnyStep } from '@ctr-tools/plan';
import { amendProcess, parseUlimit } from '@ctr-tools/process';
import { amendRootfs, parseMount, parseTmpfs, parseVolume } from '@ctr-tools/rootfs';
import { seccompLoad } from '@ctr-tools/seccomp-load';
import { type FileOf, filesOf, rootAnnotation, ufsMount, unpackSteps } from '@ctr-tools/ufs-mount';
import { type GivenDevice, parseDevice, withDevices } from '../docker/devices.ts';
import { annotation, linesOf, variable } from '../docker/files.ts';
import { cgroupFlagNames } from '../docker/flags.ts';
import { withInit } from '../docker/init.ts';
import { type Modes, modesOf } from '../docker/mode.ts';
import { type NetworkFlags, networkFlags } from '../docker/network.ts';
import { refuseDockers } from '../docker/refused.ts';
import { securityOf } from '../docker/security.ts';
import { filesBelow, type User, userOf } from '../docker/user.ts';
import { type Call, has, many, one } from '../subcommand.ts';

type Given = Record<string, readonly string[] | undefined>;

/** Amend a spec by a tool, as if its flags had been typed. Flags without values are left out; none given: untouched. */
function through<O, F>(
  tool: Tool<O, F>,
  spec: Spec,
  given: Given,
  operands: readonly string[],
  host: Host,
): Spec {
  const flags = new Map(
    Object.entries(given).filter((entry): entry is [string, readonly string[]] => Boolean(entry[1]?.length)),
  );
  if (flags.size === 0 && operands.length === 0) return spec;
  const parsed: Parsed = { flags, operands, command: undefined };
  const options = tool.options(parsed, host);
  return tool.amend(spec, options, tool.gather(options, spec, host));
}

const on = ['']; // how a flag without a value stands in `Parsed`

export interface Peoples {
  spec: Spec;
  /** What has to be there before it is run. */
  steps: readonly AnyStep[];
}

/** The spec for a command line of a person's: the default one, amended by everybody. */
export function peoplesSpec(call: Call, id: string): Peoples {
  refuseDockers(call.parsed);
  const { host } = call;
  // What is wrong with the words is said before what the machine cannot do.
  const devices = many(call, 'device').map(parseDevice);
  const modes = modesOf(call);
  const network = networkFlags(call, modes);
  const security = securityOf(call);
  const rooted = withRoot(withProcess(baseSpec(call, id), call), call);
  const user = userOf(one(call, 'user'), many(call, 'group-add'), rooted.files, rooted.spec);
  let spec = withEntryPoint(rooted.spec, call);
  if (has(call, 'init')) spec = withInit(spec);
  if (security.unmasked) spec = amendRootfs(spec, { maskedPaths: [], readonlyPaths: [] });
  spec = withNamespaces(spec, call, id, modes);
  spec = withLimits(withDevices(spec, devices), call, id, devices);
  spec = withCapabilities(spec, call, user);
  spec = through(seccompLoad, spec, {}, [security.seccomp ?? 'default'], host);
  spec = through(aaConfine, spec, { profile: security.apparmor }, [], host);
  return network ? joined(spec, network(spec), host) : { spec, steps: [] };
}

/** In a network, by hooks that run net-join; and the files that it mounts. */
function joined(spec: Spec, given: NetworkFlags, host: Host): Peoples {
  const flags = new Map(Object.entries(given).filter(([, values]) => values.length > 0));
  const options = netJoin.options({ flags, operands: [], command: undefined }, host);
  const facts = netJoin.gather(options, spec, host);
  return { spec: netJoin.amend(spec, options, facts), steps: amendSteps(facts) };
}

function baseSpec(call: Call, id: string): Spec {
  const { euid, egid } = call.host;
  const rootless = euid !== 0 || has(call, 'rootless');
  return { ...(rootless ? rootlessSpec({ uid: euid, gid: egid }) : defaultSpec()), hostname: id };
}

function withProcess(spec: Spec, call: Call): Spec {
  const { host, parsed } = call;
  const terminal = has(call, 'tty');
  const term = host.env.get('TERM');
  const env = [
    ...many(call, 'env-file').flatMap((path) => linesOf(host, path, 'env-file')),
    ...many(call, 'env'),
  ].flatMap((text) => variable(text, host));
  const args = parsed.command;
  const cwd = one(call, 'workdir');
  const score = one(call, 'oom-score-adj');
  return amendProcess(spec, {
    ...(args?.length && { args }),
    ...(cwd !== undefined && { cwd }),
    ...(score !== undefined && { oomScoreAdj: oomScore(score) }),
    rlimits: many(call, 'ulimit').map(parseUlimit),
    terminal,
    env: [...(terminal && term ? [`TERM=${term}`] : []), ...env],
  });
}

function oomScore(text: string): number {
  const score = Number(text);
  if (!/^-?\d+$/.test(text) || Math.abs(score) > 1000)
    throw new UsageError(`--oom-score-adj is "${text}"; give a number from -1000 to 1000`);
  return score;
}

interface Rooted {
  spec: Spec;
  /** Its own files, for names in them. */
  files: FileOf;
}

function withRoot(spec: Spec, call: Call): Rooted {
  const { host } = call;
  const rootfs = one(call, 'rootfs');
  const image = one(call, 'image');
  const temp = has(call, 'temp') || rootfs === 'host';
  const place = rootfs === 'host' ? '/' : fromCaller(host, rootfs ?? '.');
  const layers = image !== undefined || temp ? united(spec, call, image ?? rootfs!, temp) : undefined;
  const union = layers?.spec ?? spec;
  const labels = [
    ...many(call, 'label-file').flatMap((path) => linesOf(host, path, 'label-file')),
    ...many(call, 'label'),
  ].map(annotation);
  const given: Spec =
    labels.length > 0
      ? { ...union, annotations: { ...union.annotations, ...Object.fromEntries(labels) } }
      : union;
  const mounts = [
    ...many(call, 'volume').map((text) => parseVolume(text, host.cwd)),
    ...many(call, 'mount').map((text) => parseMount(text, host.cwd)),
    ...many(call, 'tmpfs').map(parseTmpfs),
  ];
  const amended = amendRootfs(given, {
    ...(image === undefined && !temp && rootfs !== undefined && { rootPath: place }),
    readonly: has(call, 'read-only'),
    mounts,
  });
  return {
    spec: withSharedMemory(amended, one(call, 'shm-size')),
    files: image === undefined ? filesBelow(place) : layers!.files,
  };
}

/** The spec of an image for a bundle whose root is a directory, and the steps that make it there. */
export function unpacked(spec: Spec, call: Call, directory: string): { spec: Spec; steps: AnyStep[] } {
  const { [rootAnnotation]: _, ...annotations } = spec.annotations ?? {};
  const options = layersOf(call, one(call, 'image')!, false);
  return {
    spec: { ...spec, annotations, root: { ...spec.root, path: 'rootfs' } },
    steps: unpackSteps(directory, options, call.host),
  };
}

const layersOf = (call: Call, source: string, temp: boolean) => {
  const flags = new Map<string, readonly string[]>();
  if (temp) flags.set('temp', on);
  if (has(call, 'platform')) flags.set('platform', many(call, 'platform'));
  return ufsMount.options({ flags, operands: [source], command: undefined }, call.host);
};

/** A root of layers, as ufs-mount makes it. */
function united(spec: Spec, call: Call, source: string, temp: boolean): Rooted {
  const { host } = call;
  const options = layersOf(call, source, temp);
  const facts = ufsMount.gather(options, spec, host);
  const amended = ufsMount.amend(spec, options, facts);
  const command = call.parsed.command;
  // ufs-mount takes the default spec's `sh` for what nobody asked for; here somebody did.
  const entry = facts.image?.config.config?.Entrypoint ?? [];
  return {
    spec: command?.length ? amendProcess(amended, { args: [...entry, ...command] }) : amended,
    files: (path) => facts.root && filesOf(facts.root, host)(path),
  };
}

function withSharedMemory(spec: Spec, size: string | undefined): Spec {
  if (size === undefined) return spec;
  const bytes = parseSize(size, 'value for --shm-size');
  const mounts = (spec.mounts ?? []).map((mount) =>
    mount.destination === '/dev/shm'
      ? {
          ...mount,
          options: [...(mount.options ?? []).filter((word) => !word.startsWith('size=')), `size=${bytes}`],
        }
      : mount,
  );
  return { ...spec, mounts };
}

/** docker-run(1), --entrypoint: neither the image's entry point nor its command is run then. */
function withEntryPoint(spec: Spec, call: Call): Spec {
  const entry = one(call, 'entrypoint');
  if (entry === undefined) return spec;
  const args = [...(entry === '' ? [] : [entry]), ...(call.parsed.command ?? [])];
  if (args.length === 0) throw new UsageError("--entrypoint '' leaves no command to run; give one");
  return amendProcess(spec, { args });
}

function withNamespaces(spec: Spec, call: Call, id: string, { share, join }: Modes): Spec {
  const ownName = !share.includes('uts');
  let amended = through(
    nsEnter,
    spec,
    {
      hostname: ownName ? [one(call, 'hostname') ?? id] : many(call, 'hostname'),
      domainname: many(call, 'domainname'),
      sysctl: many(call, 'sysctl'),
      share: [...many(call, 'share'), ...share],
    },
    [],
    call.host,
  );
  for (const [target, kinds] of join)
    amended = through(
      nsEnter,
      amended,
      { target: [target], ...Object.fromEntries(kinds.map((kind) => [kind, on])) },
      [],
      call.host,
    );
  return amended;
}

function withLimits(spec: Spec, call: Call, id: string, devices: readonly GivenDevice[]): Spec {
  const names = ['memory', 'cpus', 'pids-limit', ...cgroupFlagNames];
  const given: Given = Object.fromEntries(names.map((name) => [name, many(call, name)]));
  const parent = one(call, 'cgroup-parent');
  const path =
    parent === undefined ? [] : [parent.endsWith('.slice') ? `${parent}:ctr-run:${id}` : `${parent}/${id}`];
  return through(
    cgLimit,
    spec,
    { ...given, device: devices.map(({ rule }) => rule), cgroup: path },
    [],
    call.host,
  );
}

function withCapabilities(spec: Spec, call: Call, user: User | undefined): Spec {
  const given: Given = {
    docker: on,
    add: many(call, 'cap-add'),
    drop: many(call, 'cap-drop'),
    'no-new-privs': on,
    ...(user && { user: [user.uid], group: [user.gid], groups: [user.groups.join() || 'none'] }),
  };
  return through(capsDrop, spec, given, [], call.host);
}
