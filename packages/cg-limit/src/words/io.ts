import { parseInteger, parseRate, UsageError } from '@ctr-tools/cli';
import type { BlockIO, Integer, ThrottleDevice } from '@ctr-tools/oci';
import { blockDevice, parted } from './device.ts';
import { integer } from './resources.ts';

type One = (name: string) => string | undefined;
type Many = (name: string) => readonly string[];

/** Keys of io.max with the flag and the member of the spec that say the same. */
const kinds = [
  { key: 'rbps', flag: 'device-read-bps', member: 'throttleReadBpsDevice' },
  { key: 'wbps', flag: 'device-write-bps', member: 'throttleWriteBpsDevice' },
  { key: 'riops', flag: 'device-read-iops', member: 'throttleReadIOPSDevice' },
  { key: 'wiops', flag: 'device-write-iops', member: 'throttleWriteIOPSDevice' },
] as const;

/** `max` is 0 in a spec, as in the files of v1: no limit. */
function rateOf(text: string, key: string, flag: string): Integer {
  if (text === 'max') return 0;
  const rate = key.endsWith('bps')
    ? parseRate(text, `--${flag}`)
    : parseInteger(text.replace(/\/s$/, ''), `--${flag}`, 1n);
  if (rate === 0n) throw new UsageError(`--${flag}: a rate of 0 would stop it for ever; max is no limit`);
  return integer(rate);
}

/** `linux.resources.blockIO` of the flags. Throws `UsageError`. */
export function ioOf(one: One, many: Many): BlockIO {
  const io: BlockIO = {};
  const weight = one('blkio-weight');
  if (weight !== undefined) io.weight = Number(parseInteger(weight, '--blkio-weight', 10n, 1000n));
  const weights = many('blkio-weight-device').map((text) => {
    const [device, value] = parted(text, 'blkio-weight-device', 'N');
    return {
      ...blockDevice(device, 'blkio-weight-device'),
      weight: Number(parseInteger(value, '--blkio-weight-device', 10n, 1000n)),
    };
  });
  if (weights.length > 0) io.weightDevice = weights;
  for (const { key, flag, member } of kinds) {
    const list: ThrottleDevice[] = many(flag).map((text) => {
      const [device, value] = parted(text, flag, key.endsWith('bps') ? 'RATE' : 'N');
      return { ...blockDevice(device, flag), rate: rateOf(value, key, flag) };
    });
    for (const text of many('io-max')) {
      const [device, settings] = parted(text, 'io-max', 'KEY=N,...');
      const found = parseKeys(settings, text).get(key);
      if (found !== undefined)
        list.push({ ...blockDevice(device, 'io-max'), rate: rateOf(found, key, 'io-max') });
    }
    if (list.length > 0) io[member] = list;
  }
  return io;
}

function parseKeys(text: string, whole: string): Map<string, string> {
  const keys = new Map<string, string>();
  for (const word of text.split(',')) {
    const [key, value] = word.split('=');
    if (value === undefined || !kinds.some((k) => k.key === key))
      throw new UsageError(
        `--io-max is "${whole}"; give DEVICE:KEY=N with the keys rbps, wbps, riops and wiops`,
      );
    keys.set(key!, value);
  }
  return keys;
}
