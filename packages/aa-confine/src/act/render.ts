import { type Host, out } from '@ctr-tools/cli';
import { exists } from '@ctr-tools/host';
import { defaultProfile } from '../name.ts';
import type { ConfineOptions } from '../options.ts';
import { renderProfile } from '../template.ts';

/** Our default profile as it suits this machine. */
export function defaultText({
  name = defaultProfile,
  complain,
}: Pick<ConfineOptions, 'name' | 'complain'>): string {
  const has = (path: string): boolean => exists(`/etc/apparmor.d/${path}`);
  return renderProfile({
    name,
    complain,
    abi: has('abi/3.0'),
    tunables: has('tunables/global'),
    base: has('abstractions/base'),
  });
}

/** `--render` */
export function render(_value: string, options: ConfineOptions, _host: Host): number {
  out(defaultText(options));
  return 0;
}
