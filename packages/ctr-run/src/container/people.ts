import { aaConfine } from '@ctr-tools/aa-confine';
import { capsDrop } from '@ctr-tools/caps-drop';
import { cgLimit } from '@ctr-tools/cg-limit';
import { fromCaller, type Host, type Parsed, type Tool, UsageError } from '@ctr-tools/cli';
import { nsEnter } from '@ctr-tools/ns-enter';
import { defaultSpec, parseUser, rootlessSpec, type Spec } from '@ctr-tools/oci';
import { amendProcess } from '@ctr-tools/process';
import { amendRootfs, parseVolume } from '@ctr-tools/rootfs';
import { seccompLoad } from '@ctr-tools/seccomp-load';
import { ufsMount } from '@ctr-tools/ufs-mount';
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

/** The spec for a command line of a person's: the default one, amended by everybody. */
export function peoplesSpec(call: Call, id: string): Spec {
  const { host } = call;
  // What is wrong with the words is said before what the machine cannot do.
  const user = userOf(call);
  let spec = withProcess(baseSpec(call, id), call);
  spec = withRoot(spec, call);
  spec = through(
    nsEnter,
    spec,
    { hostname: [one(call, 'hostname') ?? id], share: many(call, 'share') },
    [],
    host,
  );
  const { memory, cpus, 'pids-limit': pids } = Object.fromEntries(call.parsed.flags);
  spec = through(cgLimit, spec, { memory, cpus, 'pids-limit': pids }, [], host);
  spec = withCapabilities(spec, call, user);
  spec = through(seccompLoad, spec, {}, [one(call, 'seccomp') ?? 'default'], host);
  return through(aaConfine, spec, { profile: many(call, 'apparmor') }, [], host);
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
  const env = many(call, 'env').flatMap((text) => variable(text, host));
  const args = parsed.command;
  const cwd = one(call, 'workdir');
  return amendProcess(spec, {
    ...(args?.length && { args }),
    ...(cwd !== undefined && { cwd }),
    terminal,
    env: [...(terminal && term ? [`TERM=${term}`] : []), ...env],
  });
}

/** `-e NAME=VALUE`, or `-e NAME`: the caller's own, if it has one (docker-run(1)). */
function variable(text: string, host: Host): string[] {
  if (text.includes('=')) return [text];
  const value = host.env.get(text);
  return value === undefined ? [] : [`${text}=${value}`];
}

function withRoot(spec: Spec, call: Call): Spec {
  const { host } = call;
  const rootfs = one(call, 'rootfs');
  const image = one(call, 'image');
  const readonly = has(call, 'read-only');
  const temp = has(call, 'temp') || rootfs === 'host';
  let amended = spec;
  if (image !== undefined || temp) {
    amended = through(ufsMount, amended, { temp: temp ? on : undefined }, [image ?? rootfs!], host);
  }
  return amendRootfs(amended, {
    ...(image === undefined && !temp && rootfs !== undefined && { rootPath: fromCaller(host, rootfs) }),
    readonly,
    mounts: many(call, 'volume').map((text) => parseVolume(text, host.cwd)),
  });
}

function userOf(call: Call): { uid: string; gid: string } | undefined {
  const user = one(call, 'user');
  if (user === undefined) return undefined;
  const ids = parseUser(user, '--user');
  if (!ids)
    throw new UsageError(
      `--user is "${user}"; a container's users are its own, so give numbers: UID or UID:GID`,
    );
  return { uid: String(ids.uid), gid: String(ids.gid) };
}

function withCapabilities(spec: Spec, call: Call, user: ReturnType<typeof userOf>): Spec {
  const given: Given = {
    docker: on,
    add: many(call, 'cap-add'),
    drop: many(call, 'cap-drop'),
    'no-new-privs': on,
    ...(user && { user: [user.uid], group: [user.gid], groups: ['none'] }),
  };
  return through(capsDrop, spec, given, [], call.host);
}
