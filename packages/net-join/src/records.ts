/** What joined a network, as it is kept until it is undone. */
import { errorCode, exists, namesIn, readText } from '@ctr-tools/host';
import { parseJson } from '@ctr-tools/oci';
import { RECORDS } from './places.ts';
import type { Port } from './ports.ts';

export interface Member {
  id: string;
  network: string;
  /** The file that the network was read from. */
  list: string;
  /** The process whose network namespace it is, and when it started (proc_pid_stat(5), field 22). */
  pid: number;
  ticks: number;
  /** Names by which others on the network find it. */
  names: string;
  ports: Port[];
  /** Of each plugin: its file, and its configuration as it was given to ADD. */
  files: string[];
  configs: string[];
  env: string[];
  timeout: number;
  hosts: string;
}

/** An address that a plugin gave, and where (CNI specification 1.1, section 5, "Success"). */
export interface Result {
  interfaces?: { name: string; mac?: string; sandbox?: string }[];
  ips?: { address: string; gateway?: string; interface?: number }[];
  routes?: { dst: string; gw?: string }[];
  dns?: { nameservers?: string[]; search?: string[]; options?: string[] };
}

export const recordOf = (id: string): string => `${RECORDS}/${id}`;
export const netnsOf = (id: string): string => `${recordOf(id)}/netns`;
export const resultOf = (id: string): string => `${recordOf(id)}/result.json`;
/** The process and its start alone, by which a record is known to be the one that was read. */
export const whoseOf = (id: string): string => `${recordOf(id)}/whose`;
export const whose = ({ pid, ticks }: Pick<Member, 'pid' | 'ticks'>): string => `${pid} ${ticks}`;
export const stateOf = (id: string): string => `${recordOf(id)}/state.json`;

/** Whether its namespace is kept on the file still. */
export const isPinned = (id: string): boolean =>
  readText('/proc/self/mountinfo').includes(` ${netnsOf(id)} `);

/** All of them; a directory whose state was not written yet has nothing to tell. */
export function members(): Member[] {
  if (!exists(RECORDS)) return [];
  return namesIn(RECORDS).flatMap((id) => memberIfAny(id) ?? []);
}

export function memberIfAny(id: string): Member | undefined {
  try {
    return parseJson(readText(stateOf(id)), stateOf(id)) as unknown as Member;
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(errorCode(error) ?? '')) return undefined;
    throw error;
  }
}

export function resultIfAny(id: string): Result | undefined {
  try {
    return parseJson(readText(resultOf(id)), resultOf(id)) as unknown as Result;
  } catch {
    return undefined; // nothing was printed yet, or the plugin was ended in the midst of it
  }
}

/** When the process started; undefined where there is none, or it has ended and nobody has reaped it. */
export function startOf(pid: number): number | undefined {
  try {
    const text = readText(`/proc/${pid}/stat`);
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? undefined : Number(fields[19]);
  } catch {
    return undefined;
  }
}

export const lives = ({ pid, ticks }: Pick<Member, 'pid' | 'ticks'>): boolean => startOf(pid) === ticks;
