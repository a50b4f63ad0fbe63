import { MOUNT_ATTR, MS } from '@ctr-tools/sys/constants';
import { describe, expect, it } from 'vitest';
import {
  bindAttributes,
  mountAttributes,
  mountOptionNames,
  parseMountOptions,
} from '../src/runtime/mount-options.ts';

describe('parseMountOptions', () => {
  it('sorts flags from data', () => {
    expect(parseMountOptions(['nosuid', 'strictatime', 'mode=755', 'size=65536k'])).toEqual({
      flags: MS.NOSUID | MS.STRICTATIME,
      clear: 0,
      bind: false,
      recursiveBind: false,
      remount: false,
      propagation: [],
      recursive: { set: 0, clear: 0 },
      tmpcopyup: false,
      data: 'mode=755,size=65536k',
    });
  });

  it('lets the later of two win', () => {
    expect(parseMountOptions(['ro', 'rw'])).toMatchObject({ flags: 0, clear: MS.RDONLY });
    expect(parseMountOptions(['rw', 'ro'])).toMatchObject({ flags: MS.RDONLY, clear: 0 });
    for (const times of [
      ['noatime', 'strictatime', 'relatime'],
      ['relatime', 'strictatime', 'noatime'],
    ])
      expect(parseMountOptions(times).flags).toBe(MS.STRICTATIME);
    expect(parseMountOptions(['noatime', 'relatime']).flags).toBe(MS.NOATIME);
    expect(parseMountOptions(['strictatime', 'nostrictatime', 'noatime']).flags).toBe(MS.NOATIME);
    expect(parseMountOptions(['rnoatime', 'rstrictatime']).recursive).toEqual({
      set: MOUNT_ATTR.STRICTATIME,
      clear: MOUNT_ATTR.ATIME,
    });
    expect(parseMountOptions(['rro', 'rrw']).recursive).toEqual({ set: 0, clear: MOUNT_ATTR.RDONLY });
  });

  it('knows binds, propagation, idmaps and copy-up', () => {
    expect(parseMountOptions(['rbind', 'rprivate', 'slave', 'ridmap'])).toMatchObject({
      bind: true,
      recursiveBind: true,
      propagation: [MS.PRIVATE | MS.REC, MS.SLAVE],
      idmap: 'ridmap',
    });
    expect(parseMountOptions(['bind']).recursiveBind).toBe(false);
    expect(parseMountOptions(['tmpcopyup']).tmpcopyup).toBe(true);
  });

  it('replaces the access time whole, as mount_setattr(2) demands', () => {
    for (const option of mountOptionNames.filter((name) => /^r(no)?(rel|strict)?atime$/.test(name))) {
      const { recursive } = parseMountOptions([option]);
      if (option === 'relatime') continue;
      expect([option, recursive.clear]).toEqual([option, MOUNT_ATTR.ATIME]);
    }
  });

  it('drops the words that mount(8) keeps from the kernel, and only those', () => {
    expect(
      parseMountOptions(['nofail', 'noauto', 'x-systemd.automount', '', 'user=me', 'group_id=3']).data,
    ).toBe('user=me,group_id=3');
  });
});

it('puts flags into attributes for binds', () => {
  expect(mountAttributes(parseMountOptions(['rbind', 'ro', 'nosuid', 'exec']))).toEqual({
    set: MOUNT_ATTR.RDONLY | MOUNT_ATTR.NOSUID,
    clear: MOUNT_ATTR.NOEXEC,
  });
  expect(mountAttributes(parseMountOptions(['bind', 'noatime']))).toEqual({
    set: MOUNT_ATTR.NOATIME,
    clear: MOUNT_ATTR.ATIME,
  });
});

it('takes the flags of a bind for the whole of them, as soon as there are any', () => {
  const { RDONLY, NOSUID, NODEV, NOEXEC, NOSYMFOLLOW, NODIRATIME, NOATIME, ATIME } = MOUNT_ATTR;
  const of = (...options: string[]) => bindAttributes(parseMountOptions(options));
  expect(of('rbind', 'rprivate', 'defaults')).toEqual({ set: 0, clear: 0, lift: 0 });
  expect(of('bind', 'ro')).toEqual({ set: RDONLY, clear: 0, lift: NOSUID | NODEV | NOEXEC | NOSYMFOLLOW });
  expect(of('bind', 'rw', 'nosuid', 'exec')).toEqual({
    set: NOSUID,
    clear: RDONLY | NOEXEC,
    lift: NODEV | NOSYMFOLLOW,
  });
  expect(of('bind', 'noatime')).toMatchObject({ set: NOATIME, clear: ATIME | NODIRATIME });
  expect(of('bind', 'nodiratime')).toMatchObject({ set: NODIRATIME, clear: ATIME });
  expect(of('bind', 'atime', 'diratime')).toMatchObject({ set: 0, clear: 0 });
});

// config.md of runtime-spec 1.3.0, "Linux mount options": every row that is a MUST or a SHOULD.
it('knows every option of the specification', () => {
  const specified =
    `async atime bind defaults dev diratime dirsync exec iversion lazytime loud mand noatime nodev
    nodiratime noexec noiversion nolazytime nomand norelatime nostrictatime nosuid nosymfollow private ratime rbind
    rdev rdiratime relatime remount rexec rnoatime rnodiratime rnoexec rnorelatime rnostrictatime rnosuid
    rnosymfollow ro rprivate rrelatime rro rrw rshared rslave rstrictatime rsuid rsymfollow runbindable rw shared
    silent slave strictatime suid symfollow sync tmpcopyup unbindable idmap ridmap`.split(/\s+/);
  expect(specified.filter((name) => !mountOptionNames.includes(name))).toEqual([]);
});
