import type { Linux, Process, Spec } from '@ctr-tools/oci';
import type { ConfineOptions } from './options.ts';

/** Set a property, or take it away where the value is null. */
function put<T extends object, K extends keyof T>(target: T, key: K, value: T[K] | null | undefined): void {
  if (value === null) delete target[key];
  else if (value !== undefined) target[key] = value;
}

/** Pure: `process.apparmorProfile`, `process.selinuxLabel` and `linux.mountLabel` as the options want them. */
export function amendConfine(spec: Spec, options: ConfineOptions): Spec {
  const changed = { ...spec };
  const { profile, selinux, mountLabel } = options;
  if (profile !== undefined || selinux !== undefined) {
    const process: Process = { ...(spec.process ?? { cwd: options.applies ? '' : '/' }) };
    put(process, 'apparmorProfile', profile);
    put(process, 'selinuxLabel', selinux);
    changed.process = process;
  }
  if (mountLabel !== undefined) {
    const linux: Linux = { ...spec.linux };
    put(linux, 'mountLabel', mountLabel);
    changed.linux = linux;
  }
  return changed;
}
