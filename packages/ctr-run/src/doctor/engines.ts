/** Configuration by which an engine takes this runtime, ready to paste (docs/engines.md). */

/** By the engine's name: the file that it goes into, and the text. */
export const engines: Readonly<
  Record<string, { file: string; text: (path: string, systemd: boolean) => string }>
> = {
  podman: {
    file: '/etc/containers/containers.conf, or ~/.config/containers/containers.conf',
    text: (path) => `[engine]\nruntime = "ctr-run"\n[engine.runtimes]\nctr-run = ["${path}"]\n`,
  },
  docker: {
    file: '/etc/docker/daemon.json',
    text: (path) =>
      `{\n  "runtimes": { "ctr-run": { "path": "${path}" } },\n  "default-runtime": "ctr-run"\n}\n`,
  },
  containerd: {
    file: '/etc/containerd/config.toml (containerd 1.5 to 1.7)',
    text: (path, systemd) => {
      const runtime = '[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.ctr-run';
      return `version = 2\n${runtime}]\n  runtime_type = "io.containerd.runc.v2"\n${runtime}.options]\n  BinaryName = "${path}"\n  SystemdCgroup = ${systemd}\n`;
    },
  },
  crio: {
    file: '/etc/crio/crio.conf.d/10-ctr-run.conf',
    text: (path) =>
      `[crio.runtime]\ndefault_runtime = "ctr-run"\n[crio.runtime.runtimes.ctr-run]\nruntime_path = "${path}"\nruntime_type = "oci"\nruntime_root = "/run/ctr-run"\n`,
  },
};
