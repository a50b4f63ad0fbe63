/** What a process may do: five sets of capabilities, and no_new_privs. */
import { readText } from '@ctr-tools/host';
import type { ProcessStatus } from '@ctr-tools/sys/proc';

export const setNames = ['bounding', 'permitted', 'effective', 'inheritable', 'ambient'] as const;
export type SetName = (typeof setNames)[number];
export type Sets = Record<SetName, bigint>;

export type Privileges = ProcessStatus;

/** The last capability that the running kernel knows. */
export const lastCapability = (): number => Number(readText('/proc/sys/kernel/cap_last_cap'));
