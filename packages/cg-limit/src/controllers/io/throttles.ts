/**
 * The four limits on what is read and written: the key of io.max, the flag and the spec's member, v1's file, the unit's
 * property, and how it is called.
 */
export const throttles = [
  {
    key: 'rbps',
    flag: 'device-read-bps',
    member: 'throttleReadBpsDevice',
    file: 'blkio.throttle.read_bps_device',
    property: 'IOReadBandwidthMax',
    what: 'the read rate',
  },
  {
    key: 'wbps',
    flag: 'device-write-bps',
    member: 'throttleWriteBpsDevice',
    file: 'blkio.throttle.write_bps_device',
    property: 'IOWriteBandwidthMax',
    what: 'the write rate',
  },
  {
    key: 'riops',
    flag: 'device-read-iops',
    member: 'throttleReadIOPSDevice',
    file: 'blkio.throttle.read_iops_device',
    property: 'IOReadIOPSMax',
    what: 'the reads a second',
  },
  {
    key: 'wiops',
    flag: 'device-write-iops',
    member: 'throttleWriteIOPSDevice',
    file: 'blkio.throttle.write_iops_device',
    property: 'IOWriteIOPSMax',
    what: 'the writes a second',
  },
] as const;
