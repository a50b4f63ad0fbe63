/** The planner's half of making a unit: it asks systemd while the launcher waits. */
import { Failure } from '@ctr-tools/cli';
import { Refusal, Systemd } from './connection.ts';
import { OOM_POLICY, type Property, wireProperty } from './properties.ts';

/** What the launcher's question says. */
export interface ScopeRequest {
  socket: string;
  name: string;
  pid: number;
  properties: readonly Property[];
  /** A slice that is made with it, in which it lies. */
  slice?: { name: string; properties: readonly Property[] };
}

/** Start a transient scope around a process. Returns when systemd has moved it. Throws a `Failure`. */
export async function startScope(request: ScopeRequest): Promise<string> {
  const { name, pid, slice } = request;
  const systemd = await Systemd.connect(request.socket);
  try {
    let known = (_: Property): boolean => true;
    const start = async () => {
      const scope = [...request.properties, ['PIDs', 'au', [pid]] as Property]
        .filter(known)
        .map(wireProperty);
      // What else is made in the same transaction: the scope needs its slice, which so is never unneeded.
      const others = slice ? [[slice.name, slice.properties.filter(known).map(wireProperty)]] : [];
      return systemd.call('StartTransientUnit', 'ssa(sv)a(sa(sv))', [name, 'fail', scope, others]);
    };
    /** What can be done about a refusal, for another try. */
    const mended = async (error: unknown): Promise<unknown> => {
      if (error instanceof Refusal && error.errorName.endsWith('.UnitExists')) {
        // One that failed before may still be known; systemd forgets it when told to.
        await systemd.call('ResetFailedUnit', 's', [name]).catch(() => undefined);
      } else if (error instanceof Refusal && error.message.includes(OOM_POLICY)) {
        known = ([property]) => property !== OOM_POLICY;
      } else {
        throw error;
      }
      return start();
    };
    const [job] = (await start().catch(mended).catch(mended)) as [string];
    const result = await systemd.job(job);
    if (result !== 'done') throw new Failure(`systemd's job for ${name} ended as ${result}`);
    return name;
  } finally {
    systemd.close();
  }
}

/** Change properties of a unit that runs, until it ends. Throws a `Failure` with systemd's own words. */
export async function setProperties(request: Omit<ScopeRequest, 'pid'>): Promise<void> {
  const systemd = await Systemd.connect(request.socket);
  try {
    await systemd.call('SetUnitProperties', 'sba(sv)', [
      request.name,
      true,
      request.properties.map(wireProperty),
    ]);
  } finally {
    systemd.close();
  }
}

/**
 * Have systemd end a unit whose processes are dead, and forget that it failed, as with runc
 * (its StopUnit and ResetFailedUnit): a name is free again only when its job is done. A unit that
 * is gone, and a systemd that cannot be reached, are no failure: the groups are removed anyway.
 */
export async function stopUnit({ socket, name }: Pick<ScopeRequest, 'socket' | 'name'>): Promise<string> {
  let systemd: Systemd | undefined;
  try {
    systemd = await Systemd.connect(socket);
    const [job] = (await systemd.call('StopUnit', 'ss', [name, 'replace'])) as [string];
    await systemd.job(job);
    await systemd.call('ResetFailedUnit', 's', [name]);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
  } finally {
    systemd?.close();
  }
  return name;
}

/** Answer a question of a plan's. */
export async function answer(topic: string, payload: string): Promise<string> {
  if (topic === 'cg-limit/scope') return startScope(JSON.parse(payload) as ScopeRequest);
  if (topic === 'cg-limit/properties') {
    await setProperties(JSON.parse(payload) as ScopeRequest);
    return '';
  }
  if (topic === 'cg-limit/stop') return stopUnit(JSON.parse(payload) as ScopeRequest);
  throw new Error(`cg-limit does not know the question ${topic}`);
}
