/** Flags of docker-run(1) that are an engine's, a daemon's, or of another system: what to write instead. */
import { err, type Flag, type Parsed, UsageError } from '@ctr-tools/cli';

/** Its name and letters, whether a value follows, and a line of help. */
type Refused = readonly [names: string, value: boolean, instead: string];

const network = 'a list of CNI says it: --network FILE (see net-join)';
const health = 'an engine looks after health; from a shell: ctr-run exec ID COMMAND';
const windows = 'it is for Windows';
const logs = 'output goes where that of ctr-run goes: redirect it, or pipe it to logger(1)';
const names = 'bind a file of your own: -v ./hosts:/etc/hosts:ro';
const resolver = 'bind a file of your own: -v ./resolv.conf:/etc/resolv.conf:ro';
const stored = 'a root is not stored between runs; -v SRC:DST keeps a directory';

const table: readonly Refused[] = [
  ['expose', true, 'it only describes; -p HOST:PORT publishes a port'],
  ...['ip', 'ip6', 'link', 'link-local-ip', 'mac-address'].map((name): Refused => [name, true, network]),
  ['add-host', true, names],
  ...['dns-option', 'dns-opt'].map((name): Refused => [name, true, resolver]),
  ['restart', true, 'a supervisor restarts: a systemd unit with Restart=, whose ExecStart= is this line'],
  ...[
    'health-cmd',
    'health-interval',
    'health-retries',
    'health-start-interval',
    'health-start-period',
    'health-timeout',
  ].map((name): Refused => [name, true, health]),
  ['no-healthcheck', false, 'nobody looks after its health here, so there is nothing to switch off'],
  ['log-driver', true, logs],
  ['log-opt', true, logs],
  ['attach a', true, 'all three streams are the caller’s own: redirect those that you do not want'],
  ['detach-keys', true, 'there is nothing to detach from; -d does not stay with the container'],
  ['sig-proxy', false, 'signals are always passed on; -d does not stay with the container'],
  ['cidfile', true, 'name the container yourself: --id NAME'],
  ['pull', true, 'what the store lacks is pulled, and img-pull REF asks for a newer one'],
  ['quiet q', false, 'nothing is said that could be left out'],
  ['disable-content-trust', false, 'the digests of images are always checked'],
  ['runtime', true, 'ctr-run is the runtime'],
  ['isolation', true, windows],
  ...['cpu-count', 'cpu-percent', 'io-maxbandwidth', 'io-maxiops'].map(
    (name): Refused => [name, true, windows],
  ),
  ['kernel-memory', true, 'kernels have no such limit any more; --memory counts the kernel’s memory too'],
  [
    'gpus',
    true,
    'give the devices: --device /dev/nvidia0 --device /dev/nvidiactl, and bind the libraries with -v',
  ],
  [
    'privileged',
    false,
    'say what of it is needed: --cap-add CAP, --device DEV, --seccomp none, --security-opt systempaths=unconfined',
  ],
  ['stop-signal', true, 'ctr-run kill ID SIGNAL sends any; signals to ctr-run are passed on'],
  ['stop-timeout', true, 'timeout(1) before this line, or TimeoutStopSec= of a unit'],
  ['storage-opt', true, '--temp throws changes away; the tmpfs under them takes a size with ufs-mount'],
  ['use-api-socket', false, 'there is no daemon with a socket'],
  ['volume-driver', true, stored],
  ['volumes-from', true, stored],
];

/** For the parser, which has to know whether a value follows; none of them is in the help. */
export const refusedFlags: readonly Flag[] = table.map(([words, value]) => {
  const [name, ...alias] = words.split(' ');
  return {
    name: name!,
    alias,
    description: '',
    many: true,
    ...(value && { valueHint: 'VALUE', empty: true }),
  };
});

/** Says of all of them at once, a line each, what to write instead. Throws a `UsageError` with the last. */
export function refuseDockers({ flags }: Parsed): void {
  const lines = table.flatMap(([words, , instead]) => {
    const [name] = words.split(' ');
    return flags.has(name!) ? [`--${name}: ${instead}`] : [];
  });
  const last = lines.pop();
  if (last === undefined) return;
  for (const line of lines) err(`ctr-run: ${line}\n`);
  throw new UsageError(last);
}
