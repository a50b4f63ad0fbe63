/** The failures that people report most, each as a bundle or a line that provokes it. The titles are those of docs/errors.md. */
import { chmodSync, copyFileSync, mkdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import type { Spec } from '@ctr-tools/oci';
import { type Ended, tempDir } from '../../../test/support.ts';
import { leftoversOf, searchable, testId } from './bundles.ts';
import { call, commonBundle, type PeerName } from './peers.ts';

type Provoke = (name: PeerName) => Ended;

const runs = (name: PeerName, bundle: string, ...flags: string[]): Ended => {
  const id = testId();
  const ended = call(name, ['run', ...flags, '--bundle', bundle, id]);
  tidy(name, id);
  return ended;
};

/** Take away what a peer leaves of some of its failures. Of ours nothing is taken: the run's end looks for it. */
function tidy(name: PeerName, id: string): void {
  call(name, ['delete', '--force', id]);
  if (name !== 'ctr-run') for (const path of leftoversOf(id).reverse()) rmdirSync(path);
}

/**
 * A container run by somebody else or from elsewhere: by a line of shell that executes "$@", with the runtime's state
 * in a directory of this bundle.
 */
const through =
  (line: string, change: (spec: Spec, bundle: string) => void = () => {}): Provoke =>
  (name) => {
    const bundle = commonBundle(['/bin/true']);
    const spec = JSON.parse(readFileSync(`${bundle}/config.json`, 'utf8')) as Spec;
    change(spec, bundle);
    writeFileSync(`${bundle}/config.json`, JSON.stringify(spec));
    searchable(bundle);
    mkdirSync(`${bundle}/state`);
    chmodSync(`${bundle}/state`, 0o777);
    const id = testId();
    const ended = call(name, ['--root', `${bundle}/state`, 'run', '--bundle', bundle, id], {
      cwd: bundle,
      through: ['sh', '-c', line, 'sh'],
    });
    if (name !== 'ctr-run') for (const path of leftoversOf(id).reverse()) rmdirSync(path);
    return ended;
  };

/** A user namespace of one's own with the maps that a spec needs beside it. */
const withUser = (s: Spec): void => {
  s.linux!.namespaces!.push({ type: 'user' });
  s.linux!.uidMappings = [{ containerID: 0, hostID: 0, size: 1 }];
  s.linux!.gidMappings = [{ containerID: 0, hostID: 0, size: 1 }];
};

/** A container of this command, or whose spec is changed so. */
const of =
  (args: string[], change: (spec: Spec) => void = () => {}): Provoke =>
  (name) =>
    runs(name, commonBundle(args, change));

/** A container of `/bin/it`, a file of these bytes. */
const file =
  (data: string | Buffer, mode = 0o755): Provoke =>
  (name) => {
    const bundle = commonBundle(['/bin/it']);
    writeFileSync(`${bundle}/rootfs/bin/it`, data);
    chmodSync(`${bundle}/rootfs/bin/it`, mode);
    return runs(name, bundle);
  };

const spec = (change: (spec: Spec) => void): Provoke => of(['/bin/true'], change);
const mount = (destination: string, type: string, source: string, options: string[] = []): Provoke =>
  spec((s) => s.mounts!.push({ destination, type, source, options }));
const line =
  (...argv: string[]): Provoke =>
  (name) =>
    call(name, argv);

/** The first 20 bytes of a program for a machine, and nothing behind them (elf(5): e_machine is at 18). */
function header(machine: number): Buffer {
  const bytes = Buffer.alloc(64);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  bytes.writeUInt16LE(2, 16);
  bytes.writeUInt16LE(machine, 18);
  return bytes;
}

/** EM_S390, which no machine of ours is. */
const S390 = 22;

export const failures: Readonly<Record<string, Provoke>> = {
  'the command is in no directory of PATH': of(['no-such']),
  'there is no file at the path of the command': of(['/no/such']),
  'the command may not be executed': file('#!/bin/sh\n', 0o644),
  'the command is a directory': of(['/bin']),
  'the interpreter of a script is missing': file('#!/usr/bin/no-bash\n'),
  'a script has the line ends of Windows': file('#!/bin/sh\r\necho hi\r\n'),
  'a script does not begin with #!': file('echo hi\n'),
  'the dynamic loader is missing': (name) => {
    const bundle = commonBundle(['/bin/it']);
    copyFileSync('/bin/ls', `${bundle}/rootfs/bin/it`);
    return runs(name, bundle);
  },
  'a program of another architecture': file(header(S390)),
  'the command lies on a mount with noexec': (name) => {
    const bundle = commonBundle(['/x/true'], (s) =>
      s.mounts!.push({ destination: '/x', type: 'bind', source: 'rootfs/bin', options: ['bind', 'noexec'] }),
    );
    return runs(name, bundle);
  },
  'the working directory is a file': spec((s) => {
    s.process!.cwd = '/etc/passwd';
  }),
  'the source of a bind is missing': mount('/x', 'bind', '/no/such/source', ['bind']),
  'a directory is mounted on a file': mount('/etc/passwd', 'bind', '/etc', ['bind']),
  'a file system that the kernel does not know': mount('/x', 'nosuchfs', 'x'),
  'a size that is not one': mount('/x', 'tmpfs', 'tmpfs', ['size=lots']),
  'the root file system is missing': spec((s) => {
    s.root!.path = 'nowhere';
  }),
  'there is no config.json': (name) => {
    const bundle = tempDir('empty');
    mkdirSync(`${bundle}/rootfs`);
    return runs(name, bundle);
  },
  'config.json is not JSON': (name) => {
    const bundle = commonBundle(['/bin/true']);
    writeFileSync(`${bundle}/config.json`, '{ "ociVersion": "1.0.2",, }');
    return runs(name, bundle);
  },
  'the command is empty': of([]),
  'the memory limit is a string': spec((s) => {
    s.linux!.resources = { memory: { limit: '512M' as never } };
  }),
  'a terminal that nobody takes': (name) => {
    const bundle = commonBundle(['/bin/true'], (s) => {
      s.process!.terminal = true;
    });
    return runs(name, bundle, '--detach');
  },
  'a CPU that the machine has not': spec((s) => {
    s.linux!.resources = { cpu: { cpus: '4000' } };
  }),
  'a memory limit with which nothing starts': spec((s) => {
    s.linux!.resources = { memory: { limit: 65_536 } };
  }),
  'a limit of processes that is reached': of(['/bin/sh', '-c', 'cat | cat | cat'], (s) => {
    s.linux!.resources = { pids: { limit: 2 } };
  }),
  'more open files than may be had': spec((s) => {
    s.process!.rlimits = [{ type: 'RLIMIT_NOFILE', soft: 2 ** 40, hard: 2 ** 40 }];
  }),
  'a namespace at a path where there is none': spec((s) => {
    s.linux!.namespaces!.find(({ type }) => type === 'network')!.path = '/run/netns/no-such';
  }),
  'a namespace of another kind': spec((s) => {
    s.linux!.namespaces!.find(({ type }) => type === 'network')!.path = '/proc/self/ns/uts';
  }),
  'a user namespace without maps': spec((s) => {
    s.linux!.namespaces!.push({ type: 'user' });
  }),
  'a host name without a namespace for it': spec((s) => {
    s.hostname = 'box';
    s.linux!.namespaces = s.linux!.namespaces!.filter(({ type }) => type !== 'uts');
  }),
  'a setting of the whole machine': spec((s) => {
    s.linux!.sysctl = { 'kernel.panic': '1' };
  }),
  'a setting that the kernel has not': spec((s) => {
    s.linux!.sysctl = { 'net.ipv4.no_such': '1' };
  }),
  'a hook is missing': spec((s) => {
    s.hooks = { prestart: [{ path: '/no/such/hook' }] };
  }),
  'a hook fails': spec((s) => {
    s.hooks = { prestart: [{ path: '/bin/sh', args: ['sh', '-c', 'echo no network >&2; exit 3'] }] };
  }),
  'an action that seccomp has not': spec((s) => {
    s.linux!.seccomp = { defaultAction: 'SCMP_ACT_NO' as never };
  }),
  'a filter that ends the command at its execve': spec((s) => {
    s.linux!.seccomp = {
      defaultAction: 'SCMP_ACT_ALLOW',
      syscalls: [{ names: ['execve'], action: 'SCMP_ACT_KILL_PROCESS' }],
    };
  }),
  'no container of that name': line('state', 'ctr-test-nobody'),
  'a command for a container that is not there': line('exec', 'ctr-test-nobody', 'true'),
  'a name with a slash': (name) => call(name, ['run', '--bundle', commonBundle(['/bin/true']), 'a/b']),
  'a subcommand that does not exist': line('strat', 'x'),
  'the root file system is a file': (name) => {
    const bundle = commonBundle(['/bin/true']);
    rmSync(`${bundle}/rootfs`, { recursive: true });
    writeFileSync(`${bundle}/rootfs`, '');
    return runs(name, bundle);
  },
  'a propagation that is none': spec((s) => {
    s.linux!.rootfsPropagation = 'nothing' as never;
  }),
  'huge pages of a size that the machine has not': spec((s) => {
    s.linux!.resources = { hugepageLimits: [{ pageSize: '3MB', limit: 3_145_728 }] };
  }),
  'a command in a container that is paused': (name) => {
    const id = testId();
    const bundle = commonBundle(['/bin/sleep', '100']);
    call(name, ['run', '--detach', '--bundle', bundle, id]);
    call(name, ['pause', id]);
    // crun 1.8 puts the command into the frozen group, where it waits for ever.
    const ended = call(name, ['exec', id, '/bin/true'], { through: ['timeout', '--signal=KILL', '2'] });
    call(name, ['resume', id]);
    tidy(name, id);
    return ended;
  },
  'a limit in groups that are not delegated': through(
    'exec setpriv --reuid=1000 --regid=1000 --clear-groups "$@"',
    (s) => {
      s.linux!.resources = { memory: { limit: 1 << 26 } };
      withUser(s);
      s.linux!.uidMappings![0]!.hostID = 1000;
      s.linux!.gidMappings![0]!.hostID = 1000;
      for (const one of s.mounts!) one.options = one.options?.filter((option) => !option.startsWith('gid='));
    },
  ),
  'overlay on overlay': through(
    'mkdir -p l u w m && exec unshare -m sh -c \'mount -t overlay -o lowerdir=l,upperdir=u,workdir=w o m && mkdir m/u m/w && exec "$@"\' sh "$@"',
    (s, bundle) => {
      const options = [`lowerdir=${bundle}/l`, `upperdir=${bundle}/m/u`, `workdir=${bundle}/m/w`];
      s.mounts!.push({ destination: '/x', type: 'overlay', source: 'overlay', options });
    },
  ),
  'a container in a container that masks parts of /proc': through(
    'exec unshare --mount sh -c \'mount -t tmpfs mask /proc/tty && exec unshare --user --map-root-user --mount "$@"\' sh "$@"',
    (s) => {
      delete s.linux!.resources;
      s.process!.terminal = false;
    },
  ),
  'user namespaces are switched off': through(
    'exec unshare --user --map-root-user --mount sh -c \'echo 0 >/proc/sys/user/max_user_namespaces && exec "$@"\' sh "$@"',
    (s) => {
      delete s.linux!.resources;
      withUser(s);
    },
  ),
};
