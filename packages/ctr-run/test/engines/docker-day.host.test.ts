/**
 * A day's work through Docker, of Debian 12 (20.10) and of a newer Debian (28), with runc and with ctr-run: what each call
 * says and how it ends is the same. docker.host.test.ts leads one container's life; here is what the daemon does
 * around it: live-restore, a remapped user namespace, restarts, health checks, logs, a hundred containers at once.
 */
import { describe, expect, test } from 'vitest';
import { becomes, commonOptions, inHouse, places } from './day.ts';
import { groupsBelow, imageArchive, imageName } from './engine.ts';
import { answersOf, type Call, type House, newer, type Peer, peers, startInside, through } from './house.ts';

const needed = ['root', 'command:dockerd', 'command:docker', 'command:containerd', 'command:runc'] as const;

/** The daemon's command line. `data` names its directory, so that a second one may follow with other options. */
const daemon = (house: House, ...options: string[]): string =>
  [
    `dockerd --containerd ${house.home}/c.sock --host unix://${house.home}/d.sock --storage-driver overlay2`,
    `--data-root ${house.home}/data --exec-root ${house.home}/exec --pidfile ${house.home}/d.pid`,
    `--iptables=false --ip6tables=false --bridge=none --cgroup-parent ${house.parent} --live-restore`,
    `--add-runtime ctr=${peers.ctr}`,
    ...options,
  ].join(' ');

/**
 * `d` is the client, `make` the options that containers here have, `becomes` waits until something about a container is so
 * and tells it. `restart` starts the daemon anew, after it was ended.
 */
const begin = (house: House, peer: Peer): string => `
  export home=${house.home}
  d() { docker --host unix://$home/d.sock "$@"; }
  make="--runtime ${peer === 'ctr' ? 'ctr' : 'runc'} --network none"
  image=${imageName}
  ${becomes('d', 100, 0.3)}
  pid() { d inspect --format '{{.State.Pid}}' "$1"; }
  restart() { rm -f $home/d.pid; setsid ${daemon(house)} >>$home/d.log 2>&1 </dev/null &
    n=0; until d version >/dev/null 2>&1 || [ $n -gt 300 ]; do n=$((n+1)); sleep 0.2; done; }`;

const options: readonly Call[] = [
  ...commonOptions('d'),
  ['d run --rm --init $make $image sh -c "cat /proc/1/comm; exit 3"', '3: docker-init'],
  ['d run --rm $make --sysctl net.ipv4.ip_forward=1 $image sysctl -n net.ipv4.ip_forward', '0: 1'],
  [
    'd run --rm $make --user 1000:1000 --group-add 5 --security-opt no-new-privileges $image sh -c "id; grep NoNew /proc/self/status"',
  ],
  [
    'd run --rm $make --pid host --ipc host --uts host $image readlink /proc/self/ns/pid | cut -c 1-4',
    '0: pid:',
  ],
  [
    'd run --rm $make --tmpfs /t:size=1m,noexec --ulimit nofile=77 $image sh -c "ulimit -n; grep -c /t /proc/mounts"',
  ],
  [
    'd run --rm $make --memory 16m --memory-swap 16m $image dd if=/dev/zero of=/dev/null bs=100M count=1',
    '137:',
  ],
];

const logs: readonly Call[] = ['json-file', 'local', 'none'].flatMap((driver): Call[] => [
  // Two streams come in any order.
  [
    `{ d run --name l-${driver} --log-driver ${driver} $make $image sh -c "echo out; echo err >&2; exit 4"; echo $?; } 2>&1 | sort`,
    '0: 4\nerr\nout',
  ],
  [`d logs l-${driver} 2>&1 | sort`],
  [`d rm l-${driver}`],
]);

const restarts: readonly Call[] = [
  ['d run --detach --name r1 --restart on-failure:2 $make $image sh -c "exit 3"', '0: ID'],
  ['becomes r1 "2 exited 3" "{{.RestartCount}} {{.State.Status}} {{.State.ExitCode}}"', '0: 2 exited 3'],
  ['d run --detach --name r2 --restart always $make $image sleep 1000', '0: ID'],
  ['kill -9 $(pid r2); becomes r2 "1 running" "{{.RestartCount}} {{.State.Status}}"', '0: 1 running'],
  ['d exec r2 echo in', '0: in'],
  // The shim's death ends what it had in its hands.
  [
    'kill -9 $(grep PPid: /proc/$(pid r2)/status | cut -f 2); becomes r2 "2 running" "{{.RestartCount}} {{.State.Status}}"',
    '0: 2 running',
  ],
  ['d exec r2 echo again', '0: again'],
  ['d rm --force r1 r2 >/dev/null', '0:'],
];

const health: readonly Call[] = [
  [
    'd run --detach --name h1 --health-cmd "test -f /tmp/ok" --health-interval 1s --health-retries 1 $make $image sleep 1000',
    '0: ID',
  ],
  ['becomes h1 unhealthy "{{.State.Health.Status}}"', '0: unhealthy'],
  ['d exec h1 touch /tmp/ok; becomes h1 healthy "{{.State.Health.Status}}"', '0: healthy'],
  ['d rm --force h1', '0: h1'],
];

const live: readonly Call[] = [
  [
    'd run --detach --name a1 $make $image sh -c "trap \'echo stopping; exit 5\' TERM; echo started; while :; do sleep 0.1; done"',
    '0: ID',
  ],
  ['d run --detach --name a2 $make $image sleep 1000', '0: ID'],
  // The daemon dies; one container ends meanwhile, the other goes on, and the next daemon finds both so.
  [
    'was=$(pid a1); gone=$(pid a2); kill -9 $(cat $home/d.pid); kill -9 $gone; kill -0 $was && echo lives',
    '0: lives',
  ],
  ['restart; [ $(pid a1) = $was ] && echo same', '0: same'],
  ['becomes a2 "exited 137" "{{.State.Status}} {{.State.ExitCode}}"', '0: exited 137'],
  ['d exec a1 sh -c "id -u; exit 9"', '9: 0'],
  ['d pause a1 && d unpause a1', '0: a1\na1'],
  ['d stop -t 20 a1', '0: a1'],
  ['d logs a1', '0: started\nstopping'],
  ['d inspect --format "{{.State.Status}} {{.State.ExitCode}}" a1', '0: exited 5'],
  ['d start a2 && d exec a2 echo back', '0: a2\nback'],
  ['d rm --force a1 a2 >/dev/null', '0:'],
];

const days: [string, readonly Call[]][] = [
  ['options of run, --init among them', options],
  ['log drivers', logs],
  ['restart policies, under kill -9 of the container and of its shim', restarts],
  ['health checks', health],
  ['live-restore, under kill -9 of the daemon', live],
];

const remapped: readonly Call[] = [
  ['d run --rm $make $image cat /proc/self/uid_map', '0: 0     200000      65536'],
  ['d run --detach --name u1 $make --memory 64m $image sleep 1000', '0: ID'],
  ['d exec u1 sh -c "id -u; touch /tmp/x && stat -c %u /tmp/x"', '0: 0\n0'],
  ['grep Uid: /proc/$(pid u1)/status | cut -f 2', '0: 200000'],
  ['d exec --user 1000 u1 sh -c "id -u; touch /bin/x"'],
  ['d run --rm $make --userns host $image cat /proc/self/uid_map', '0: 0          0 4294967295'],
  ['d stop -t 1 u1; d rm u1', '0: u1\nu1'],
];

const many = 100;
const atOnce: readonly Call[] = [
  // Each client in its own process, sixteen at a time.
  [
    `seq ${many} | xargs -P 16 -I N docker --host unix://$home/d.sock run --detach --name m-N $make $image sleep 1000 | wc -l`,
    `0: ${many}`,
  ],
  ['d ps --quiet --filter status=running | wc -l', `0: ${many}`],
  [`seq ${many} | xargs -P 16 -I N docker --host unix://$home/d.sock exec m-N echo in | wc -l`, `0: ${many}`],
  [
    `seq -f m-%g ${many} | xargs -n 25 -P 4 docker --host unix://$home/d.sock rm --force | wc -l`,
    `0: ${many}`,
  ],
  ['d ps --all --quiet', '0:'],
];

describe.for(places)('Docker %s', ([, where]) => {
  const load = (house: House): void => {
    const loaded = house.sh(`${begin(house, 'runc')}\nd load --quiet --input ${imageArchive()}`);
    if (loaded.status !== 0) throw new Error(loaded.stderr);
  };
  const answers = `docker --host unix://$HOME/d.sock version`;
  const open = (house: House): void => {
    const places = `--root ${house.home}/c-root --state ${house.home}/c-state --address ${house.home}/c.sock`;
    startInside(
      house,
      'c',
      `containerd --config /dev/null ${places}`,
      `ctr --address ${house.home}/c.sock version`,
    );
    startInside(house, 'd', daemon(house), answers);
    load(house);
  };
  const { enter, both } = inHouse({ name: 'docker', needed, where, begin, open });

  test.for(days)('%s', { timeout: 600_000 }, ([, calls], context) => both(context, calls));

  // Once: what it asks is of the runtime alone.
  const newest = where === newer ? test : undefined;
  newest?.(
    'a hundred containers at once, and nothing is left of them',
    (context) => {
      const house = enter(context);
      expect(through(house, begin(house, 'ctr'), atOnce)).toEqual(answersOf(atOnce));
      expect(house.processes().filter((line) => /shim|sleep/.test(line))).toEqual([]);
      expect(groupsBelow(house.parent)).toEqual([]);
    },
    900_000,
  );

  test('userns-remap', { timeout: 600_000 }, (context) => {
    const house = enter(context);
    // The house's own /etc: dockerd looks the user's ranges up there (subuid(5)).
    house.sh(`kill $(cat ${house.home}/d.pid); while [ -e ${house.home}/d.pid ]; do sleep 0.1; done
      echo 'ctrmap:x:9999:9999::/:/bin/false' >>/etc/passwd; echo 'ctrmap:x:9999:' >>/etc/group
      echo ctrmap:200000:65536 >/etc/subuid; echo ctrmap:200000:65536 >/etc/subgid`);
    startInside(house, 'd', daemon(house, '--userns-remap ctrmap'), answers);
    load(house);
    both(context, remapped);
  });
});
