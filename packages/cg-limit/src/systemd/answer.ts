/** The planner's half of making a unit: it asks systemd while the launcher waits. */
import { Failure } from '@ctr-tools/cli';
import { type Stream, streamOf } from '@ctr-tools/host';
import { Refusal, Systemd } from './connection.ts';
import { wireProperty } from './properties.ts';
import { OOM_POLICY, type Property } from './property.ts';

/** What the launcher's question says. */
export interface ScopeRequest {
  socket: string;
  name: string;
  pid: number;
  properties: readonly Property[];
  /** A slice that is made with it, in which it lies. */
  slice?: { name: string; properties: readonly Property[] };
}

/** How a conversation with the manager behind a socket begins. */
export type Open = (socket: string) => Stream;

/** Start a transient scope around a process. Returns when systemd has moved it. Throws a `Failure`. */
export function startScope(request: ScopeRequest, open: Open): string {
  const { name, pid, slice } = request;
  return talk(request, open, (systemd) => {
    let known = (_: Property): boolean => true;
    const start = (): string => {
      const scope = [...request.properties, ['PIDs', 'au', [pid]] as Property]
        .filter(known)
        .map(wireProperty);
      // What else is made in the same transaction: the scope needs its slice, which so is never unneeded.
      const others = slice ? [[slice.name, slice.properties.filter(known).map(wireProperty)]] : [];
      return systemd.callForJob('StartTransientUnit', 'ssa(sv)a(sa(sv))', [name, 'fail', scope, others]);
    };
    /** Do what can be done about a refusal, before another try. */
    const mend = (error: unknown): void => {
      if (error instanceof Refusal && error.errorName.endsWith('.UnitExists')) {
        // One that failed before may still be known; systemd forgets it when told to.
        unlessRefused(() => systemd.call('ResetFailedUnit', 's', [name]));
      } else if (error instanceof Refusal && error.message.includes(OOM_POLICY)) {
        known = ([property]) => property !== OOM_POLICY;
      } else {
        throw error;
      }
    };
    const result = tries(start, mend, 3);
    if (result !== 'done') throw new Failure(`systemd's job for ${name} ended as ${result}`);
    return name;
  });
}

/** Do something up to `most` times, with `mend` between; `mend` throws what cannot be mended. */
function tries<T>(does: () => T, mend: (error: unknown) => void, most: number): T {
  for (let n = 1; n < most; n++) {
    try {
      return does();
    } catch (error) {
      mend(error);
    }
  }
  return does();
}

function unlessRefused(does: () => void): void {
  try {
    does();
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
  }
}

/** Change properties of a unit that runs, until it ends. Throws a `Failure` with systemd's own words. */
export function setProperties(request: Omit<ScopeRequest, 'pid'>, open: Open): void {
  const { name, properties } = request;
  talk(request, open, (systemd) =>
    systemd.call('SetUnitProperties', 'sba(sv)', [name, true, properties.map(wireProperty)]),
  );
}

/**
 * Have systemd end a unit whose processes are dead, and forget that it failed, as with runc
 * (its StopUnit and ResetFailedUnit): a name is free again only when its job is done. A unit that
 * is gone, and a systemd that cannot be reached, are not a failure: the groups are removed anyway.
 */
export function stopUnit(request: Pick<ScopeRequest, 'socket' | 'name'>, open: Open): string {
  const { name } = request;
  try {
    talk(request, open, (systemd) => {
      systemd.callForJob('StopUnit', 'ss', [name, 'replace']);
      systemd.call('ResetFailedUnit', 's', [name]);
    });
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
  }
  return name;
}

/** What the launcher's question says of a process that is to be in a unit. */
export interface AttachRequest {
  socket: string;
  name: string;
  /** A place below the unit's group: `/x`, or nothing. */
  group: string;
  pid: number;
}

/** Have systemd move a process into a unit's group (org.freedesktop.systemd1(5), AttachProcessesToUnit). Throws a `Failure`. */
export function attach(request: AttachRequest, open: Open): string {
  const { name, group, pid } = request;
  talk(request, open, (systemd) => systemd.call('AttachProcessesToUnit', 'ssau', [name, group, [pid]]));
  return name;
}

function talk<T>({ socket }: Pick<ScopeRequest, 'socket'>, open: Open, say: (systemd: Systemd) => T): T {
  const systemd = Systemd.open(open(socket), socket);
  try {
    return say(systemd);
  } finally {
    systemd.close();
  }
}

/** Answer a question of a plan's, on the connection that the launcher made, or on Node on one of our own. */
export async function answer(topic: string, payload: string, connection?: number): Promise<string> {
  const open =
    connection === undefined ? (await import('./connect.ts')).connectTo : () => streamOf(connection);
  if (topic === 'cg-limit/scope') return startScope(JSON.parse(payload) as ScopeRequest, open);
  if (topic === 'cg-limit/properties') {
    setProperties(JSON.parse(payload) as ScopeRequest, open);
    return '';
  }
  if (topic === 'cg-limit/stop') return stopUnit(JSON.parse(payload) as ScopeRequest, open);
  if (topic === 'cg-limit/attach') return attach(JSON.parse(payload) as AttachRequest, open);
  throw new Error(`cg-limit does not know the question ${topic}`);
}
