import { describe, expect, test } from 'vitest';
import { parseTarget } from '../src/target.ts';
import { hostOf, optionsOf } from './fixtures.ts';

describe('targets', () => {
  test('are a PID, a PID with its pidfd inode, a path or an ID', () => {
    expect(parseTarget('42')).toEqual({ by: 'pid', pid: 42 });
    expect(parseTarget('42:7000')).toEqual({ by: 'pid', pid: 42, inode: 7000n });
    expect(parseTarget('./pins')).toEqual({ by: 'pins', directory: './pins' });
    expect(parseTarget('web')).toEqual({ by: 'container', id: 'web' });
    expect(parseTarget('1f3a')).toEqual({ by: 'container', id: '1f3a' });
    expect(parseTarget('id:123')).toEqual({ by: 'container', id: '123' });
  });

  test.each(['0', '4194305', '12:x', '-5'])('%s is refused', (word) => {
    expect(() => parseTarget(word)).toThrow('--target');
  });
});

describe('joining', () => {
  test("takes nsenter's flags, long and short, in any order", () => {
    const o = optionsOf('-p -m -t 42 --net=/run/netns/a -- sh');
    expect(o.join).toEqual([{ kind: 'network', file: '/run/netns/a' }, { kind: 'pid' }, { kind: 'mount' }]);
  });

  test('without a target suggests creating', () => {
    expect(() => optionsOf('--net --uts -- sh')).toThrow('--new uts,net');
  });

  test.each([
    '--all',
    '--env',
    '--join-cgroup',
    '--user-parent',
    '--net-socket 3',
    '--follow-context',
    '--setuid follow',
  ])('%s needs a target', (flags) => {
    expect(() => optionsOf(`${flags} --net=/x -- sh`)).toThrow('--target PID');
  });

  test('root and working directory of the target, or of a path', () => {
    expect(optionsOf('-t 42 -m --root --wd -- sh')).toMatchObject({ root: 'target', wd: 'target' });
    expect(optionsOf('-t 42 -m --root=jail --wd=. -- sh')).toMatchObject({ root: '/home/jail', wd: '/home' });
    expect(() => optionsOf('--new mount --root -- sh')).toThrow('there is none');
  });
});

describe('creating', () => {
  test('takes kinds by any of their names, each once', () => {
    expect(optionsOf('--new net,mnt,network --new pid -- sh').create).toEqual(['network', 'pid', 'mount']);
    expect(optionsOf('--new all -- sh').create).toHaveLength(8);
    expect(() => optionsOf('--new nett -- sh')).toThrow('"nett" is not a kind of namespace');
  });

  test.each([
    ['--map-root-user', ['user']],
    ['--map-users auto', ['user']],
    ['--hostname x', ['uts']],
    ['--monotonic 1', ['time']],
    ['--mount-proc', ['mount']],
    ['--netdev eth0', ['network']],
    ['--load-interp :a:M::x::/bin/true:', ['user', 'mount']],
  ])('%s implies its namespaces', (flags, kinds) => {
    expect(optionsOf(`${flags} -- sh`).create).toEqual(kinds);
  });

  test('does not imply what is joined', () => {
    expect(optionsOf('-t 42 --uts --hostname x -- sh').create).toEqual([]);
  });

  test('CTR_ROOTFS is the root of new namespaces only', () => {
    const host = hostOf({ env: new Map([['CTR_ROOTFS', '/r']]) });
    expect(optionsOf('--new mount -- sh', host).root).toBe('/r');
    expect(optionsOf('--new mount --root=/other -- sh', host).root).toBe('/other');
    expect(optionsOf('-t 42 --mount -- sh', host).root).toBeUndefined();
  });

  test('a caller is one ID inside', () => {
    expect(optionsOf('--map-root-user -- sh')).toMatchObject({ mapUser: '0', mapGroup: '0' });
    expect(() => optionsOf('--map-root-user --map-user 5 -- sh')).toThrow('give one');
  });

  test.each([
    ['--monotonic x', 'number of seconds'],
    ['--setgroups maybe', 'it is allow or deny'],
    ['--propagation up', 'it is private, slave, shared or unchanged'],
    ['--kill-child=NOPE', 'is not a signal'],
    ['--owner 5', 'UID:GID'],
    ['--netdev a/b', "cannot be an interface's name"],
    ['--sysctl x', 'not NAME=VALUE'],
    ['--new pid --status-fd 5', 'not open'],
    ['--pin /p', 'say which with --new'],
    ['--new pid --no-fork --pin /p', '--no-fork leaves nobody'],
    ['--new net -t 42 --net', 'either joined or created'],
    ['--new net --wd=/a --wdns /b', 'give one'],
    ['--new net --share uts', 'beside a command'],
    ['--new uts --hostname aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', '65 bytes'],
  ])('%s is refused', (flags, words) => {
    expect(() => optionsOf(`${flags} -- sh`)).toThrow(words);
  });

  test.each([
    ['KILL', 9],
    ['SIGTERM', 15],
    ['hup', 1],
    ['10', 10],
  ])('--kill-child=%s is a signal', (word, number) => {
    expect(optionsOf(`--new pid --kill-child=${word} -- sh`).killChild).toBe(number);
  });
});
