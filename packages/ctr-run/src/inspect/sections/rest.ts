import { allows, summary } from '@ctr-tools/caps-drop/looking';
import { capabilitiesOf, capabilityName } from '@ctr-tools/sys/constants';
import type { DescriptorFact, Facts, LimitFact } from '../facts.ts';
import { plural, type Told } from './section.ts';

const sets = ['bounding', 'permitted', 'inheritable', 'ambient'] as const;

export function tellCapabilities({ status, lastCapability }: Facts): Told {
  const { effective } = status;
  const count = capabilitiesOf(effective).length;
  const nnp = status.noNewPrivs ? 'no_new_privs' : 'no_new_privs is off';
  // What is as the effective set is not said again.
  const others = sets.filter((set) => status[set] !== effective && status[set] !== 0n);
  return {
    summary:
      count === 0 ? `none; ${nnp}` : `${summary(effective, lastCapability).replaceAll(',', ' ')}; ${nnp}`,
    notes: others.map((set) => `${set}: ${summary(status[set], lastCapability).replaceAll(',', ' ')}`),
    whole: capabilitiesOf(effective).map(
      (n) => `${capabilityName(n).slice(4).toLowerCase().padEnd(20)}${allows(n)}`,
    ),
  };
}

export function tellFilter({ seccomp }: Facts): Told {
  const { mode, filters, answers = [] } = seccomp;
  const words = {
    disabled: 'none',
    strict: 'strict: read, write, _exit and sigreturn alone (seccomp(2))',
    filter: filters === undefined ? 'filtered' : plural(filters, 'filter'),
    unknown: 'this kernel has no seccomp',
  };
  return {
    summary: words[mode],
    notes: answers,
    ...(mode === 'filter' && answers.length === 0 && { whole: ['--filters tells what they answer'] }),
  };
}

export function tellLabel({ labels, modules }: Facts): Told {
  if (!modules.apparmor && !modules.selinux)
    return { summary: 'the kernel has neither AppArmor nor SELinux enabled' };
  if (!labels) return { summary: 'not to be seen' };
  const { apparmor, selinux } = labels;
  return {
    summary: [
      ...(apparmor ? [`AppArmor ${apparmor.profile}${apparmor.mode ? ` (${apparmor.mode})` : ''}`] : []),
      ...(selinux === undefined ? [] : [`SELinux ${selinux}`]),
    ].join('; '),
  };
}

const short = (type: string): string => type.slice('RLIMIT_'.length).toLowerCase();
const pair = ({ soft, hard }: { soft: string; hard: string }): string =>
  (soft === hard ? soft : `${soft}:${hard}`).replaceAll('unlimited', 'none');
const limitWords = (limit: LimitFact): string =>
  `${short(limit.type)} ${pair(limit)}${limit.usual ? ` (PID 1: ${pair(limit.usual)})` : ''}`;

export function tellLimits({ limits, oomScoreAdj }: Facts): Told {
  if (limits.length === 0) return { summary: 'not to be seen' };
  const odd = limits.filter(({ usual }) => usual);
  const oom = oomScoreAdj ? [`oom_score_adj ${oomScoreAdj}`] : [];
  return {
    summary: odd.length + oom.length === 0 ? "PID 1's" : [...odd.map(limitWords), ...oom].join(', '),
    whole: limits.map(limitWords),
  };
}

/** `0-2,5` */
function spans(numbers: readonly number[]): string {
  const words: string[] = [];
  for (let i = 0; i < numbers.length; ) {
    let end = i;
    while (numbers[end + 1] === numbers[end]! + 1) end++;
    words.push(end === i ? `${numbers[i]}` : `${numbers[i]}-${numbers[end]}`);
    i = end + 1;
  }
  return words.join(',');
}

const descriptorWords = ({ fd, target, writable, outside }: DescriptorFact): string =>
  `${fd} ${target}${writable ? '' : ', read-only'}${outside ? ', beyond its mounts' : ''}`;

export function tellDescriptors({ descriptors, cwd }: Facts): Told {
  if (!descriptors) return { summary: 'not to be seen' };
  const { count, seen } = descriptors;
  const numbers = seen.map(({ fd }) => fd);
  const list = spans(numbers);
  return {
    summary:
      count === 0 || list === ''
        ? String(count || 'none')
        : `${count}: ${list.length < 40 ? list : `${list.slice(0, 40)}…`}`,
    whole: [...(cwd ? [`working directory ${cwd.path}`] : []), ...seen.map(descriptorWords)],
  };
}
