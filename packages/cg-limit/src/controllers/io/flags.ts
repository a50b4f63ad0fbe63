import type { Values } from '@ctr-tools/cli';
import { flag, parseInteger, parseRate, UsageError } from '@ctr-tools/cli';
import type { BlockIO, Integer, LinuxResources, ThrottleDevice } from '@ctr-tools/oci';
import { both, section } from '../controller.ts';
import { blockDevice, parted } from '../device.ts';
import { integer } from '../limit-flag.ts';
import { throttles } from './throttles.ts';

const group = 'Block I/O (DEVICE is a path, /home for the disk it lies on, or MAJOR:MINOR)';
const noWeight = { not: 'systemd writes weights of v2 alone' };

/** `max` is 0 in a spec, as in the files of v1: no limit. */
function rateOf(text: string, key: string, spelled: string): Integer {
  if (text === 'max') return 0;
  const rate = key.endsWith('bps')
    ? parseRate(text, spelled)
    : parseInteger(text.replace(/\/s$/, ''), spelled, 1n);
  if (rate === 0n) throw new UsageError(`${spelled}: a rate of 0 would stop it for ever; max is no limit`);
  return integer(rate);
}

/** One of the four limits on one device. */
const throttle = <const N extends (typeof throttles)[number]['flag']>(
  name: N,
  description: string,
  shown: string,
) => {
  const { key, property } = throttles.find((one) => one.flag === name)!;
  const value = key.endsWith('bps') ? 'RATE' : 'N';
  const amount = key.endsWith('bps') ? '1M' : '20';
  return flag.list(
    name,
    {
      valueHint: `DEVICE:${value}`,
      group,
      description,
      example: [`--${name}=8:0:${amount}`],
      shown: both(shown),
      property: both<string>(property),
    },
    (text, spelled): ThrottleDevice => {
      const [device, rate] = parted(text, name, value);
      return { ...blockDevice(device, name), rate: rateOf(rate, key, spelled) };
    },
  );
};

/** `rbps=10M,wiops=100`. */
function parseKeys(text: string, whole: string): Map<string, string> {
  const keys = new Map<string, string>();
  for (const word of text.split(',')) {
    const [key, value] = word.split('=');
    if (value === undefined || !throttles.some((k) => k.key === key))
      throw new UsageError(
        `--io-max is "${whole}"; give DEVICE:KEY=N with the keys rbps, wbps, riops and wiops`,
      );
    keys.set(key!, value);
  }
  return keys;
}

export const flags = [
  flag.count('blkio-weight', 10n, 1000n, {
    group,
    description: 'weight against others, 10 to 1000',
    example: ['--blkio-weight=300'],
    shown: both('io weight'),
    property: { 1: noWeight, 2: 'IOWeight' },
  }),
  flag.list(
    'blkio-weight-device',
    {
      valueHint: 'DEVICE:N',
      group,
      description: 'the same on one device',
      example: ['--blkio-weight-device=8:0:300'],
      shown: both('io weight 8:0'),
      property: { 1: noWeight, 2: 'IODeviceWeight' },
    },
    (text, spelled) => {
      const [device, value] = parted(text, 'blkio-weight-device', 'N');
      return {
        ...blockDevice(device, 'blkio-weight-device'),
        weight: Number(parseInteger(value, spelled, 10n, 1000n)),
      };
    },
  ),
  throttle('device-read-bps', 'most bytes read a second: /dev/vda:10MB/s', 'io 8:0 read'),
  throttle('device-write-bps', 'most bytes written a second', 'io 8:0 write'),
  throttle('device-read-iops', 'most reads a second', 'io 8:0 read ops/s'),
  throttle('device-write-iops', 'most writes a second', 'io 8:0 write ops/s'),
  flag.list(
    'io-max',
    {
      valueHint: 'DEVICE:KEY=N,...',
      group,
      description: 'the four together: /dev/vda:rbps=10M,wiops=100',
      example: ['--io-max=8:0:rbps=1M'],
      shown: both('io 8:0 read'),
      property: both('IOReadBandwidthMax'),
    },
    (text, spelled) => {
      const [device, settings] = parted(text, 'io-max', 'KEY=N,...');
      const keys = parseKeys(settings, text);
      return (key: string): ThrottleDevice[] => {
        const found = keys.get(key);
        if (found === undefined) return [];
        return [{ ...blockDevice(device, 'io-max'), rate: rateOf(found, key, spelled) }];
      };
    },
  ),
] as const;

/** `linux.resources.blockIO` of the flags. */
export function parse(given: Values<typeof flags>): LinuxResources {
  const { 'blkio-weight': weight, 'blkio-weight-device': weightDevice } = given;
  const io: BlockIO = {
    ...(weight !== undefined && { weight }),
    ...(weightDevice.length > 0 && { weightDevice }),
  };
  for (const { key, flag: name, member } of throttles) {
    const list = [...given[name], ...given['io-max'].flatMap((of) => of(key))];
    if (list.length > 0) io[member] = list;
  }
  return section('blockIO', io);
}
