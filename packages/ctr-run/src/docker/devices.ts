import { UsageError } from '@ctr-tools/cli';
import { statIfAny } from '@ctr-tools/host';
import type { Device, Spec } from '@ctr-tools/oci';
import { splitDevice } from '@ctr-tools/sys/constants';

export interface GivenDevice {
  device: Device;
  /** For cg-limit's --device. */
  rule: string;
}

/** `/dev/x[:/dev/y[:rwm]]`, as docker-run(1) has it. Throws `UsageError`. */
export function parseDevice(text: string): GivenDevice {
  const [source = '', ...rest] = text.split(':');
  const access = rest.at(-1) !== undefined && /^[rwm]+$/.test(rest.at(-1)!) ? rest.pop()! : 'rwm';
  const path = rest[0] ?? source;
  if (!source.startsWith('/') || !path.startsWith('/') || rest.length > 1)
    throw new UsageError(`--device is "${text}"; write /dev/NAME[:/dev/NAME][:rwm]`);
  const found = statIfAny(source);
  if (!found) throw new UsageError(`--device ${text}: there is no ${source}`);
  if (!found.isBlockDevice() && !found.isCharacterDevice())
    throw new UsageError(`--device ${text}: ${source} is not a device`);
  const { rdev, mode, uid, gid } = found;
  return {
    device: {
      path,
      type: found.isBlockDevice() ? 'b' : 'c',
      ...splitDevice(BigInt(rdev)),
      fileMode: mode & 0o777,
      uid,
      gid,
    },
    rule: `${source}:${access}`,
  };
}

export const withDevices = (spec: Spec, given: readonly GivenDevice[]): Spec =>
  given.length === 0
    ? spec
    : {
        ...spec,
        linux: {
          ...spec.linux,
          devices: [...(spec.linux?.devices ?? []), ...given.map(({ device }) => device)],
        },
      };
