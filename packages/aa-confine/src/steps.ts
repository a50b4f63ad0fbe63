import { Failure } from '@ctr-tools/cli';
import type { Spec } from '@ctr-tools/oci';
import { type AnyStep, step } from '@ctr-tools/plan';
import type { ConfineFacts } from './gather.ts';
import { defaultProfile, normalName, stacked, unconfined } from './name.ts';

/**
 * Pure: the labels for the coming exec. config.md, Linux Process: "apparmorProfile
 * specifies the name of the AppArmor profile for the process"; where the kernel cannot do
 * that, "the runtime MUST generate an error" (runtime.md, Errors: the container does not
 * match its configuration), and runc and crun do. Throws a `Failure` before anything is made.
 */
export function confineSteps(spec: Spec, facts: ConfineFacts): AnyStep[] {
  const { apparmorProfile = '', selinuxLabel = '' } = spec.process ?? {};
  const steps: AnyStep[] = [];
  if (apparmorProfile !== '') steps.push(...apparmorSteps('exec', apparmorProfile, facts));
  if (facts.stack) steps.push(...apparmorSteps('stack', facts.stack, facts));
  if (selinuxLabel !== '') {
    requireSelinux(`process.selinuxLabel ${selinuxLabel}`, facts);
    steps.push(
      step(
        'label',
        'lsm_attr',
        { attr: 'exec', value: selinuxLabel },
        `run under the SELinux label ${selinuxLabel}`,
        {
          hints: {
            EINVAL: 'the policy knows no such label',
            EACCES: 'the policy does not let us set it',
            EPERM: 'the policy does not let us set it',
          },
        },
      ),
    );
  }
  if (spec.linux?.mountLabel) requireSelinux(`linux.mountLabel ${spec.linux.mountLabel}`, facts);
  return steps;
}

function requireSelinux(what: string, { selinux }: ConfineFacts): void {
  if (!selinux)
    throw new Failure(
      `${what}: SELinux is not enabled in this kernel; leave the label out (aa-confine --selinux none)`,
    );
}

/** `exec NAME` and `stack NAME` of /proc/thread-self/attr/apparmor/exec (aa_change_onexec(2), aa_stack_onexec(2)). */
function apparmorSteps(how: 'exec' | 'stack', name: string, facts: ConfineFacts): AnyStep[] {
  if (!facts.apparmor) {
    // Nothing is confined without the module, so this is already so.
    if (name === unconfined) return [];
    throw new Failure(
      `AppArmor profile ${name}: AppArmor is not enabled in this kernel (CONFIG_SECURITY_APPARMOR, lsm=apparmor); ` +
        'leave the profile out (aa-confine --profile none)',
    );
  }
  for (const one of stacked(name)) requireLoaded(one, facts);
  return [
    step(
      'label',
      'lsm_attr',
      { attr: 'apparmor/exec', value: `${how} ${name}` },
      `run under the AppArmor profile ${name}`,
      {
        hints: {
          ENOENT: `no such profile is loaded; ${howToLoad(name)}`,
          EACCES: 'the profile that we are under does not allow the change (change_profile)',
          EXDEV:
            'no usable procfs: something lies over /proc, or the profile that we are under lacks attach_disconnected',
          EPERM: 'no_new_privs is set, and the profile that we are under does not include the new one',
        },
      },
    ),
  ];
}

const howToLoad = (name: string): string =>
  name === defaultProfile
    ? 'aa-confine --load loads it'
    : 'aa-confine --load=FILE loads one, --list shows those that are';

function requireLoaded(name: string, { profiles }: ConfineFacts): void {
  if (!profiles || name === unconfined || name.endsWith(`:${unconfined}`)) return;
  const wanted = normalName(name);
  if (!profiles.some((p) => normalName(p.name) === wanted))
    throw new Failure(`AppArmor profile ${name} is not loaded; ${howToLoad(name)}`);
}
