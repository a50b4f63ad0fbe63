import type { Host } from '@ctr-tools/cli';
import { encodeBytes } from '@ctr-tools/host';
import type { Plan } from '@ctr-tools/plan';
import { defaultProfile, parseProfile } from '../name.ts';
import type { ConfineOptions } from '../options.ts';
import { policyPlan } from './policy.ts';
import { requireApparmor } from './require.ts';

/** `--unload[=NAME]`. Whoever is under the profile becomes unconfined. */
export function unload(value: string, options: ConfineOptions, _host: Host): Plan {
  const name = value === '' ? (options.name ?? defaultProfile) : parseProfile(value);
  const doing = `unload the profile ${name}`;
  requireApparmor(doing);
  return policyPlan(options.namespace, '.remove', encodeBytes(name), doing);
}
