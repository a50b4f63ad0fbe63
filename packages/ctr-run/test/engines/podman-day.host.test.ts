/**
 * A day's work through podman, of Debian 12 (4.3) and of a newer Debian (5), with runc and with ctr-run: what each call
 * says and how it ends is the same. podman.host.test.ts leads one container's life; here is what is built on that.
 */
import { writeFileSync } from 'node:fs';
import { afterAll, describe, test } from 'vitest';
import { becomes, commonOptions, inHouse, places } from './day.ts';
import { imageArchive, imageName, removeParentIfEmpty } from './engine.ts';
import { type Call, type House, type Peer, peers } from './house.ts';

const needed = ['root', 'command:podman', 'command:runc', 'command:conmon'] as const;
const limits = '--ulimit nofile=1024:1024 --ulimit nproc=4096:4096';

/**
 * `p` is podman with that runtime; `make` the options that containers here have; `count` is called where an answer comes a
 * moment later. A pod's first process is `sleep`, for podman 4.3 would build an image of catatonit, which Debian 12 has
 * only where somebody installs it. Health checks are run by hand, for there is no systemd to run them.
 */
const begin = (house: House, peer: Peer): string => `
  export CONTAINERS_CONF=${house.home}/containers.conf PODMAN_IGNORE_CGROUPSV1_WARNING=1 DISABLE_HC_SYSTEMD=true
  export home=${house.home} parent=${house.parent}
  p() { podman --root $home/root --runroot $home/run --tmpdir $home/tmp --cgroup-manager cgroupfs \\
    --storage-driver overlay --events-backend file --runtime ${peers[peer]} "$@"; }
  limits="${limits}"
  make="--network none --cgroup-parent $parent $limits"
  image=${imageName}
  ${becomes('p', 40, 0.5)}
  outside() { kill -9 "$(p inspect --format '{{.State.'"$2"'}}' "$1")"; }`;

const options: readonly Call[] = [
  ...commonOptions('p'),
  ['p run --rm --init $make $image sh -c "cat /proc/1/comm; exit 3"'],
  [
    'p run --rm $make --uidmap 0:100000:70000 --gidmap 0:100000:70000 $image cat /proc/self/uid_map',
    '0: 0     100000      70000',
  ],
  [
    'p run --rm $make --sysctl net.ipv4.ip_forward=1 --umask 077 $image sh -c "umask; sysctl -n net.ipv4.ip_forward"',
    '0: 0077\n1',
  ],
  [
    'p run --rm $make --user 1000:1000 --group-add 5,7 --security-opt no-new-privileges $image sh -c "id; grep NoNew /proc/self/status"',
  ],
  ['p run --rm $make --privileged $image sh -c "grep CapEff /proc/self/status; ls /dev | wc -l"'],
  [
    'p run --rm $make --pid host --ipc host --uts host $image sh -c "readlink /proc/self/ns/pid" | cut -c 1-4',
    '0: pid:',
  ],
  [
    'p run --rm $make --read-only --tmpfs /t:size=1m,noexec $image sh -c "touch /x; touch /t/x && echo ok; grep -c /t /proc/mounts"',
  ],
  ['p run --rm $make --cgroupns private $image sh -c "grep -c $parent /proc/self/cgroup"'],
];

const logs: readonly Call[] = ['k8s-file', 'json-file', 'none', 'passthrough'].flatMap((driver): Call[] => [
  // Two streams come in any order.
  [
    `{ p run --name l-${driver} --log-driver ${driver} $make $image sh -c "echo out; echo err >&2; exit 4"; echo $?; } 2>&1 | sort`,
  ],
  [`p logs l-${driver} | sort`],
  [`p rm l-${driver}`],
]);

const restarts: readonly Call[] = [
  ['p run --detach --name r1 --restart on-failure:2 $make $image sh -c "exit 3"', '0: ID'],
  ['becomes r1 "2 exited 3" "{{.RestartCount}} {{.State.Status}} {{.State.ExitCode}}"', '0: 2 exited 3'],
  ['p run --detach --name r2 --restart always $make $image sleep 1000', '0: ID'],
  ['outside r2 Pid; becomes r2 "1 running" "{{.RestartCount}} {{.State.Status}}"', '0: 1 running'],
  ['p exec r2 echo in', '0: in'],
  // Without its conmon nobody is told of an end, but the container is there, and podman sees and ends it.
  ['outside r2 ConmonPid; p exec r2 echo still', '0: still'],
  ['p stop --time 1 r2 >/dev/null 2>&1; p inspect --format "{{.State.Running}}" r2', '0: false'],
  ['p rm --force --time 0 r1 r2 >/dev/null'],
];

const health: readonly Call[] = [
  [
    'p run --detach --name h1 --health-cmd "test -f /tmp/ok" --health-interval disable --health-retries 1 $make $image sleep 1000',
  ],
  ['p healthcheck run h1'],
  ['p inspect --format "{{.State.Health.Status}}" h1', '0: unhealthy'],
  ['p exec h1 touch /tmp/ok; p healthcheck run h1', '0:'],
  ['p inspect --format "{{.State.Health.Status}}" h1', '0: healthy'],
  ['p rm --force --time 0 h1 >/dev/null', '0:'],
];

const map = '0     100000      65536';
const pods: readonly Call[] = [
  [
    'p pod create --name p1 --network none --cgroup-parent $parent --uidmap 0:100000:65536 --gidmap 0:100000:65536',
    '0: ID',
  ],
  ['p run --rm --pod p1 $limits $image cat /proc/self/uid_map', `0: ${map}`],
  ['p run --detach --pod p1 --name p1c $limits --memory 64m $image sleep 1000', '0: ID'],
  ['p exec p1c sh -c "id -u; touch /tmp/x; stat -c %u /tmp/x /proc"'],
  ['p exec --user 1000 p1c sh -c "id -u; cat /proc/self/uid_map"', `0: 1000\n         ${map}`],
  ['p pod inspect --format "{{.State}}" p1', '0: Running'],
  ['p pod pause p1 >/dev/null; p inspect --format "{{.State.Status}}" p1c', '0: paused'],
  ['p pod unpause p1 >/dev/null; p inspect --format "{{.State.Status}}" p1c', '0: running'],
  [
    'p pod kill p1 >/dev/null; becomes p1c "exited 137" "{{.State.Status}} {{.State.ExitCode}}"',
    '0: exited 137',
  ],
  ['p pod start p1 >/dev/null; p exec p1c id -u', '0: 0'],
  ['p pod rm --force --time 0 p1', '0: ID'],
  [
    'p run --detach --name u1 --uidmap 0:100000:65536 --gidmap 0:100000:65536 $make $image sleep 1000',
    '0: ID',
  ],
  ['p run --rm --userns container:u1 $make $image cat /proc/self/uid_map', `0: ${map}`],
  ['p rm --force --time 0 u1 >/dev/null', '0:'],
];

const kube: readonly Call[] = [
  ['p play kube --network none $home/pod.yaml >/dev/null', '0:'],
  [
    'p ps --all --filter name=kube1 --format "{{.Names}} {{.Status}}" | sed "s/ (healthy)//; s/Up.*/Up/; s/[0-9]* seconds* ago/ago/" | sort | grep -v infra',
  ],
  ['p logs kube1-web', '0: 1000 from-first value'],
  [
    'p exec kube1-web sh -c "cat /sys/fs/cgroup/memory/memory.limit_in_bytes || cat /sys/fs/cgroup/memory.max; touch /x; grep CapEff /proc/self/status"',
  ],
  ['p healthcheck run kube1-web', '0:'],
  ['p pod rm --force --time 0 kube1', '0: ID'],
  ['p ps --all --quiet', '0:'],
];

const pod = `
apiVersion: v1
kind: Pod
metadata: { name: kube1 }
spec:
  restartPolicy: Never
  volumes: [{ name: shared, emptyDir: {} }]
  initContainers:
  - name: first
    image: ${imageName}
    imagePullPolicy: Never
    command: [sh, -c, "echo from-first >/shared/f"]
    volumeMounts: [{ name: shared, mountPath: /shared }]
  containers:
  - name: web
    image: ${imageName}
    imagePullPolicy: Never
    command: [sh, -c, "echo $(id -u) $(cat /shared/f) $NAME; sleep 1000"]
    env: [{ name: NAME, value: value }]
    resources: { limits: { memory: 64Mi, cpu: 500m } }
    securityContext:
      runAsUser: 1000
      readOnlyRootFilesystem: true
      capabilities: { drop: [ALL] }
    livenessProbe: { exec: { command: [test, -f, /shared/f] }, periodSeconds: 3600 }
    volumeMounts: [{ name: shared, mountPath: /shared }]
`;

const days: [string, readonly Call[]][] = [
  ['options of run, --init among them', options],
  ['log drivers', logs],
  ['restart policies, under kill -9 of the container and of conmon', restarts],
  ['health checks', health],
  ['user namespaces, of a pod and of another container', pods],
  ['play kube', kube],
];

describe.for(places)('podman %s', ([, where]) => {
  const open = (house: House): void => {
    writeFileSync(`${house.home}/pod.yaml`, pod);
    writeFileSync(`${house.home}/containers.conf`, `[engine]\ninfra_image = "${imageName}"\n`);
    const loaded = house.sh(
      `${begin(house, 'runc')}\np load --quiet --input ${imageArchive(['/bin/sleep', '100000'])}`,
    );
    if (loaded.status !== 0) throw new Error(loaded.stderr);
  };
  // The parent that podman takes for what `play kube` makes; others' pods keep it.
  afterAll(() => removeParentIfEmpty('/libpod_parent'));
  const end = (house: House): unknown =>
    house.sh(`${begin(house, 'runc')}\np pod rm --all --force --time 0; p rm --all --force --time 0`);
  const { both } = inHouse({ name: 'podman', needed, where, begin, open, end });

  test.for(days)('%s', { timeout: 600_000 }, ([, calls], context) => both(context, calls));
});
