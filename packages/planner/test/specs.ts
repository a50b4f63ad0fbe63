/** A spec that says something of everything, and what can be wrong with each part of it. */

/** As text, for integers that a number does not hold. */
export const fullSpec = `{
  "ociVersion": "1.2.0",
  "root": { "path": "/", "readonly": true },
  "hostname": "web", "domainname": "example.org",
  "annotations": { "org.example.a": "1", "ä": "\\u00fc" },
  "process": {
    "terminal": false, "cwd": "/tmp", "args": ["sh", "-c", "id"], "env": ["PATH=/bin", "A=ä"],
    "user": { "uid": 7, "gid": 8, "umask": 18, "additionalGids": [9, 10] },
    "rlimits": [{ "type": "RLIMIT_NOFILE", "soft": 1024, "hard": 18446744073709551615 }],
    "capabilities": { "bounding": ["CAP_KILL"], "effective": ["CAP_KILL"], "permitted": ["CAP_KILL"] },
    "noNewPrivileges": true, "oomScoreAdj": 100,
    "scheduler": { "policy": "SCHED_BATCH", "nice": 5 },
    "ioPriority": { "class": "IOPRIO_CLASS_BE", "priority": 4 },
    "execCPUAffinity": { "initial": "0", "final": "0" }
  },
  "mounts": [
    { "destination": "/proc", "type": "proc", "source": "proc" },
    { "destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755", "size=65536k"] },
    { "destination": "/mnt", "type": "bind", "source": "/etc", "options": ["rbind", "ro", "rprivate"] },
    { "destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["ro"] }
  ],
  "hooks": {
    "prestart": [{ "path": "/bin/true", "args": ["true"], "env": ["A=1"], "timeout": 5 }],
    "poststop": [{ "path": "/bin/true" }]
  },
  "linux": {
    "cgroupsPath": "/ctr-test-full",
    "namespaces": [{ "type": "pid" }, { "type": "mount" }, { "type": "uts" }, { "type": "ipc" }, { "type": "network" }],
    "devices": [{ "path": "/dev/x", "type": "c", "major": 1, "minor": 3, "fileMode": 438, "uid": 0, "gid": 0 }],
    "resources": {
      "memory": { "limit": 67108864, "reservation": 33554432, "swap": 134217728 },
      "cpu": { "shares": 512, "quota": 50000, "period": 100000, "cpus": "0" },
      "pids": { "limit": 32 },
      "blockIO": { "weight": 100 },
      "devices": [{ "allow": false, "access": "rwm" }, { "allow": true, "type": "c", "major": 1, "minor": 3, "access": "rw" }]
    },
    "sysctl": { "net.ipv4.ip_forward": "1" },
    "maskedPaths": ["/proc/kcore"], "readonlyPaths": ["/proc/sys"],
    "rootfsPropagation": "private",
    "personality": { "domain": "LINUX" },
    "timeOffsets": {},
    "seccomp": {
      "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 1, "architectures": ["SCMP_ARCH_X86_64"],
      "syscalls": [
        { "names": ["read", "write", "exit_group"], "action": "SCMP_ACT_ALLOW" },
        { "names": ["personality"], "action": "SCMP_ACT_ALLOW",
          "args": [{ "index": 0, "value": 18446744073709551615, "op": "SCMP_CMP_EQ" }] }
      ]
    }
  }
}`;

type Path = readonly (string | number)[];

/** Every place in a document. */
function placesIn(value: unknown, at: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return [at];
  return [
    at,
    ...Object.entries(value).flatMap(([key, item]) =>
      placesIn(item, [...at, Array.isArray(value) ? Number(key) : key]),
    ),
  ];
}

const wrong: [name: string, value: unknown][] = [
  ['removed', undefined],
  ['null', null],
  ['a string', 'x'],
  ['an empty string', ''],
  ['a negative number', -1],
  ['a fraction', 0.5],
  ['a large number', 4294967296],
  ['a boolean', true],
  ['an object', { a: 1 }],
  ['a list', [1, 'x']],
  ['odd text', '\u0000\n\u001b[31m'],
];

function replaced(document: unknown, path: Path, value: unknown): string {
  const copy = JSON.parse(JSON.stringify(document)) as Record<string | number, unknown>;
  let at = copy;
  for (const part of path.slice(0, -1)) at = at[part] as typeof copy;
  const last = path.at(-1)!;
  if (value === undefined && Array.isArray(at)) at.splice(Number(last), 1);
  else if (value === undefined) delete at[last];
  else at[last] = value;
  return JSON.stringify(copy);
}

/** The full spec with each of its places replaced by something else in turn. */
export function spoiltSpecs(): [name: string, text: string][] {
  const document = JSON.parse(fullSpec) as unknown;
  return placesIn(document)
    .slice(1)
    .map((path, i): [string, string] => {
      const [name, value] = wrong[i % wrong.length]!;
      return [`${path.join('.')} ${name}`, replaced(document, path, value)];
    });
}
