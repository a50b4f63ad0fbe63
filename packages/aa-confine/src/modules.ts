/** Which security modules with labels the kernel has, and where they are spoken to. */
import { exists, readText } from '@ctr-tools/host';

/** AppArmor's directory in securityfs (Documentation/admin-guide/LSM/apparmor.rst). */
export const apparmorfs = '/sys/kernel/security/apparmor';

export interface Modules {
  apparmor: boolean;
  selinux: boolean;
}

const read = (path: string): string | undefined => {
  try {
    return readText(path);
  } catch {
    return undefined;
  }
};

/**
 * AppArmor says by its parameter whether it is enabled; SELinux is where its file system is
 * mounted, as libselinux's is_selinux_enabled(3) has it.
 */
export function presentModules(): Modules {
  return {
    apparmor: read('/sys/module/apparmor/parameters/enabled')?.trim() === 'Y',
    selinux: exists('/sys/fs/selinux/enforce'),
  };
}

/** A profile in the kernel: its name, `:ns://name` in another namespace, and its mode. */
export interface LoadedProfile {
  name: string;
  /** `enforce`, `complain`, `kill`, `unconfined`, `prompt`, `user` */
  mode: string;
}

/** Lines `NAME (MODE)`; a name may hold blanks and brackets itself. */
export function parseProfiles(text: string): LoadedProfile[] {
  return text.split('\n').flatMap((line) => {
    const match = /^(.+) \((\w+)\)$/.exec(line);
    return match ? [{ name: match[1]!, mode: match[2]! }] : [];
  });
}

/** The profiles that are loaded; undefined where we may not see them (others than root). */
export function loadedProfiles(): LoadedProfile[] | undefined {
  const text = read(`${apparmorfs}/profiles`);
  return text === undefined ? undefined : parseProfiles(text);
}
