import type { Host, Parsed } from '@ctr-tools/cli';
import type { Spec } from '@ctr-tools/oci';
import { compile, explain } from '@ctr-tools/plan';
import { fullMask } from '../src/capability-list.ts';
import type { CapsFacts } from '../src/gather.ts';
import { capsDrop } from '../src/index.ts';
import { parseOptions } from '../src/options.ts';
import type { Privileges } from '../src/privileges.ts';

const all = fullMask(40);

export const root: Privileges = {
  name: 'sh',
  uids: [0, 0, 0, 0],
  gids: [0, 0, 0, 0],
  groups: [],
  noNewPrivs: false,
  bounding: all,
  permitted: all,
  effective: all,
  inheritable: 0n,
  ambient: 0n,
};

export const nobody: Privileges = {
  ...root,
  uids: [65534, 65534, 65534, 65534],
  gids: [65534, 65534, 65534, 65534],
  permitted: 0n,
  effective: 0n,
};

export function factsOf(mode: CapsFacts['mode'], current = root, more: Partial<CapsFacts> = {}): CapsFacts {
  return { mode, last: 40, current, identity: {}, setgroupsDenied: false, ...more };
}

export function parsed(flags: Record<string, string | string[]>, command?: string[]): Parsed {
  const entries = Object.entries(flags).map(([name, v]) => [name, Array.isArray(v) ? v : [v]] as const);
  return { flags: new Map(entries), operands: [], command };
}

const noHost = {} as Host;
export const options = (flags: Record<string, string | string[]>, command?: string[]) =>
  parseOptions(parsed(flags, command), noHost);

const lines = (spec: Spec, facts: CapsFacts): string[] =>
  explain(compile([capsDrop.steps(spec, facts)], { tool: 'caps-drop', exit: 125 }))
    .split('\n')
    .filter(Boolean)
    .map((line) => line.replace(/^\d+ +self +/, ''));

/** What a line typed by a person does to the process that it starts. */
export function applied(
  flags: Record<string, string | string[]>,
  current = root,
  more: Partial<CapsFacts> = {},
): string[] {
  const facts = factsOf('apply', current, more);
  return lines(capsDrop.amend({ ociVersion: '1.3.0' }, options(flags, ['true']), facts), facts);
}

/** What a container's process gets. */
export const contained = (spec: Spec, current = root, more: Partial<CapsFacts> = {}): string[] =>
  lines(spec, factsOf('oci', current, more));
