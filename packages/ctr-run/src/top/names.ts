/**
 * What a group's path says of who made it. Pure. The names are those that the makers give: Docker's and podman's
 * documentation of their cgroup managers, kubelet's `kubepods` with the CRI runtimes' prefixes, systemd's
 * "Control Group APIs and Delegation", lxc.container.conf(5) (`lxc.cgroup.dir.container`).
 */

/** Who made a group, and what it is called there. */
export interface Named {
  maker: string;
  /** The container's ID as its maker has it, or its name where it has no other. */
  id: string;
}

const hex = '[0-9a-f]{64}';

/** The first that matches counts. A prefix of runtimes is that of `PREFIX:NAME` in a spec's cgroupsPath. */
const patterns: readonly (readonly [RegExp, string])[] = [
  [
    new RegExp(`/kubepods[./].*/(?:cri-containerd-|crio-|docker-|containerd-)?(${hex})(?:\\.scope)?$`),
    'kubernetes',
  ],
  [new RegExp(`/docker[-/](${hex})(?:\\.scope)?$`), 'docker'],
  [new RegExp(`/libpod-(${hex})(?:\\.scope)?$`), 'podman'],
  [new RegExp(`/crio-(${hex})(?:\\.scope)?$`), 'cri-o'],
  [new RegExp(`/(?:nerdctl|cri-containerd)-(${hex})\\.scope$`), 'containerd'],
  [/^\/(?:default|k8s\.io|moby)\/([\w.-]+)$/, 'containerd'],
  [/\/buildkit\/([0-9a-z]{20,})$/, 'buildkit'],
  [/\/lxc\.payload[./]([^/]+)$/, 'lxc'],
  [/^\/lxc\/([^/]+)$/, 'lxc'],
  [/\/machine\.slice\/machine-([^/]+)\.scope$/, 'machine'],
  [/\/machine\.slice\/systemd-nspawn@([^/]+)\.service$/, 'machine'],
  [/\/(?:runc|crun|youki|ctr-run)-([^/]+)\.scope$/, 'runtime'],
  [/\/([^/]+)\.scope$/, 'systemd'],
];

/** Scopes that hold no container: sessions, PID 1 itself, and the monitors beside containers. */
const none = /\/(?:session-[^/]*|init|(?:libpod|crio)-conmon-[^/]*)\.scope$/;

/** The container that a group is, by its path from the root of its hierarchy; undefined for any other group. */
export function namedBy(path: string): Named | undefined {
  if (none.test(path)) return undefined;
  for (const [pattern, maker] of patterns) {
    const id = pattern.exec(path)?.[1];
    if (id !== undefined) return { maker, id: unescaped(id) };
  }
  return undefined;
}

/** systemd writes what may not stand in a unit's name as `\x2d` (systemd.unit(5), String Escaping). */
const unescaped = (name: string): string =>
  name.replace(/\\x([0-9a-f]{2})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));

/** An ID of 64 digits as engines show it. */
export const shortened = (id: string): string => (/^[0-9a-f]{64}$/.test(id) ? id.slice(0, 12) : id);
