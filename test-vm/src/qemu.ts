/** QEMU's command line, and the choice between KVM and emulation. */
import { accessSync, constants, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Box } from './box.ts';
import { need, start } from './child.ts';
import type { Kernel } from './definition.ts';
import { VmError } from './errors.ts';

/** The boots of one image. */
export const boots = ['unified', 'hybrid', 'selinux'] as const;
export type Boot = (typeof boots)[number];

/**
 * Cgroup v2 alone under the release's own kernel, with AppArmor or with SELinux, of which a boot has
 * one; v1 beside v2 under the older, which has all of v1.
 */
export const kernelOf: Record<Boot, Kernel> = { unified: '6.12', hybrid: '6.1', selinux: '6.12' };

export type Accel = 'kvm' | 'tcg';

export const emulator = 'qemu-system-x86_64';
const console = 'ttyS0';

/**
 * What a boot's kernel is told. systemd 256 and 257 mount v1 hierarchies only where both
 * words say so (systemd's NEWS, 256); later releases never do. `panic` with -no-reboot ends
 * QEMU, so that a machine that crashed is known at once.
 */
export function commandLine(boot: Boot, extra = ''): string {
  const words = [`console=${console}`, 'root=/dev/vda', 'rw', 'net.ifnames=0', 'panic=-1', 'mitigations=off'];
  words.push('systemd.show_status=0', 'loglevel=5');
  // QEMU's translations are found again by address: where every program lies elsewhere each time,
  // a Node's start under emulation takes a third longer.
  words.push('norandmaps');
  // A huge page is cleared whole, of which most programs of a test use little.
  words.push('transparent_hugepage=never');
  if (boot === 'hybrid') {
    words.push('systemd.unified_cgroup_hierarchy=0', 'SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1');
    // Debian leaves the memory controller of v1 off unless asked for? No: it is on, its swap
    // accounting too since 5.8; named so that a changed default does not silence tests.
    words.push('cgroup_enable=memory', 'swapaccount=1');
  }
  if (boot === 'selinux') words.push('security=selinux', 'selinux=1');
  if (extra) words.push(extra);
  return words.join(' ');
}

export interface MachineOptions {
  box: Pick<Box, 'kernel'>;
  boot: Boot;
  accel: Accel;
  /** qcow2 over the box's image; all that the machine writes goes there. */
  overlay: string;
  consoleLog: string;
  /** Loopback port that leads to the machine's port 22. */
  sshPort: number;
  /** OpenSSH public key of who may log in. */
  publicKey: string;
  memory?: number;
  cpus?: number;
  /** More words for the kernel. */
  kernelArgs?: string | undefined;
  /** A file that is the machine's second disk, not to be written. */
  disk?: string;
}

/**
 * What is emulated: a processor with all that Debian's programs ask for and none of the wide
 * vectors, fifth page table level and virtualization of `max`, which programs and kernel would
 * take up and which cost more than they save here.
 */
const plain = 'Nehalem';

/**
 * A comma in a value of QEMU's options is written twice (qemu(1), on -drive's file).
 */
const value = (text: string): string => text.replaceAll(',', ',,');

/**
 * The machine's arguments. Its only network is QEMU's own, restricted: the machine reaches
 * nothing, and only the loopback address of the host reaches its port 22. The key is a
 * credential of systemd's (systemd.system-credentials(7), tmpfiles.extra) in an SMBIOS
 * string, so one image serves everybody.
 */
export function qemuArgs(options: MachineOptions): string[] {
  const { box, boot, accel, overlay, consoleLog, sshPort, publicKey, memory = 3072 } = options;
  // Emulated processors that share memory must take turns at every atomic operation; one alone
  // needs two thirds of their time, and leaves the host's other core to the other machine.
  const { cpus = accel === 'kvm' ? 2 : 1 } = options;
  const { kernel, initrd } = box.kernel(kernelOf[boot]);
  const line = Buffer.from(`${publicKey.trim()}\n`).toString('base64');
  const lines = ['/root 0700 root root', '/home/vagrant 0700 vagrant vagrant'].flatMap((home) => {
    const [path, mode, ...owner] = home.split(' ');
    return [
      `d ${path}/.ssh ${mode} ${owner.join(' ')}`,
      `f+~ ${path}/.ssh/authorized_keys 0600 ${owner.join(' ')} - ${line}`,
    ];
  });
  const credential = Buffer.from(`${lines.join('\n')}\n`).toString('base64');
  return [
    ...['-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none', '-monitor', 'none'],
    ...['-machine', 'q35', '-m', `${memory}`, '-smp', `${cpus}`],
    ...(accel === 'kvm' ? ['-accel', 'kvm', '-cpu', 'host'] : ['-accel', 'tcg,thread=multi', '-cpu', plain]),
    ...['-kernel', kernel, '-initrd', initrd, '-append', commandLine(boot, options.kernelArgs)],
    // Nothing of an overlay is worth a flush: it is thrown away.
    ...['-drive', `file=${value(overlay)},format=qcow2,if=virtio,cache=unsafe,discard=unmap`],
    ...(options.disk ? ['-drive', `file=${value(options.disk)},format=raw,if=virtio,readonly=on`] : []),
    ...['-netdev', `user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:${sshPort}-:22`],
    ...['-device', 'virtio-net-pci,netdev=net,romfile=', '-device', 'virtio-rng-pci'],
    ...['-chardev', `file,id=console,path=${value(consoleLog)}`, '-serial', 'chardev:console'],
    ...['-smbios', `type=11,value=io.systemd.credential.binary:tmpfiles.extra=${credential}`],
  ];
}

export function startQemu(options: MachineOptions) {
  need(emulator);
  return start(emulator, qemuArgs(options), { stdio: ['ignore', 'ignore', 'pipe'] });
}

/** ms that a kernel under KVM gets until it has begun to run its first program. */
const KVM_LIMIT = 15_000;

/** What the person wants, if anything. */
export function forcedAccel(forced = process.env.CTR_VM_ACCEL || undefined): Accel | undefined {
  if (forced !== undefined && forced !== 'kvm' && forced !== 'tcg')
    throw new VmError(`CTR_VM_ACCEL is "${forced}"; it must be kvm or tcg`);
  return forced;
}

/**
 * KVM where it boots this kernel, emulation otherwise: /dev/kvm may be there, answer all
 * questions, and still never get a guest past its first instructions. The answer holds until
 * the host's next boot.
 */
export async function chooseAccel(box: Box, cache: string, say: (text: string) => void): Promise<Accel> {
  const forced = forcedAccel();
  if (forced) return forced;
  const answer = join(cache, 'accel');
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  if (existsSync(answer)) {
    const [when, accel] = readFileSync(answer, 'utf8').trim().split(' ');
    if (when === boot && (accel === 'kvm' || accel === 'tcg')) return accel;
  }
  const accel = (await bootsUnderKvm(box, say)) ? 'kvm' : 'tcg';
  writeFileSync(answer, `${boot} ${accel}\n`);
  return accel;
}

async function bootsUnderKvm(box: Box, say: (text: string) => void): Promise<boolean> {
  try {
    accessSync('/dev/kvm', constants.R_OK | constants.W_OK);
  } catch (error) {
    say(`no KVM (${(error as Error).message.replace(/,.*/, '')}): emulation`);
    return false;
  }
  need(emulator);
  const { kernel, initrd } = box.kernel('6.12');
  const child = start(
    emulator,
    [
      ...[
        '-nodefaults',
        '-no-user-config',
        '-no-reboot',
        '-display',
        'none',
        '-accel',
        'kvm',
        '-cpu',
        'host',
      ],
      ...['-machine', 'q35', '-m', '512', '-smp', '2', '-serial', 'stdio'],
      ...['-kernel', kernel, '-initrd', initrd, '-append', `console=${console} panic=-1`],
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const words = await new Promise<string>((resolve) => {
    let text = '';
    let trouble = '';
    const timer = setTimeout(() => resolve(`no kernel came up within ${KVM_LIMIT / 1000} s`), KVM_LIMIT);
    const end = (answer: string): void => {
      clearTimeout(timer);
      resolve(answer);
    };
    child.stdout!.on('data', (data: Buffer) => {
      text += data;
      if (/Run \/init as init process/.test(text)) end('');
    });
    child.stderr!.on('data', (data: Buffer) => {
      trouble += data;
    });
    child.once('error', (error) => end(error.message));
    child.once('exit', () => end(trouble.trim().split('\n').at(-1) || 'QEMU ended'));
  });
  child.kill('SIGKILL');
  say(words === '' ? 'KVM boots this kernel: using it' : `/dev/kvm is there, but ${words}: emulation`);
  return words === '';
}
