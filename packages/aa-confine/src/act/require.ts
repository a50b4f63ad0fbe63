import { Failure } from '@ctr-tools/cli';
import { exists } from '@ctr-tools/host';
import { apparmorfs, presentModules } from '../modules.ts';

/** Throws `Failure` with a clear word where there is no AppArmor to speak to. */
export function requireApparmor(doing: string): void {
  if (!presentModules().apparmor)
    throw new Failure(
      `${doing}: AppArmor is not enabled in this kernel (CONFIG_SECURITY_APPARMOR, lsm=apparmor)`,
    );
  if (!exists(apparmorfs))
    throw new Failure(
      `${doing}: ${apparmorfs} is not there; mount -t securityfs securityfs /sys/kernel/security`,
    );
}
