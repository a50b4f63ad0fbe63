/** The planner's half of making a unit: it asks systemd while the launcher waits. */
import { Failure } from '@ctr-tools/cli';
import { Refusal, Systemd } from './connection.ts';
import { type Property, wireProperty } from './properties.ts';

/** What the launcher's question says. */
export interface ScopeRequest {
  socket: string;
  uid: number;
  name: string;
  pid: number;
  properties: readonly Property[];
}

/** Start a transient scope around a process. Returns when systemd has moved it. Throws a `Failure`. */
export async function startScope(request: ScopeRequest): Promise<string> {
  const { name, pid } = request;
  const systemd = await Systemd.connect(request.socket, request.uid);
  try {
    const properties = [...request.properties, ['PIDs', 'au', [pid]] as Property].map(wireProperty);
    const start = async () =>
      systemd.call('StartTransientUnit', 'ssa(sv)a(sa(sv))', [name, 'fail', properties, []]);
    let job: string;
    try {
      [job] = (await start()) as [string];
    } catch (error) {
      if (!(error instanceof Refusal) || !error.errorName.endsWith('.UnitExists')) throw error;
      // One that failed before may still be known; systemd forgets it when told to.
      await systemd.call('ResetFailedUnit', 's', [name]).catch(() => undefined);
      [job] = (await start()) as [string];
    }
    const result = await systemd.job(job);
    if (result !== 'done') throw new Failure(`systemd's job for ${name} ended as ${result}`);
    return name;
  } finally {
    systemd.close();
  }
}

/** Change properties of a unit that runs, until it ends. Throws a `Failure`. */
export async function setProperties(request: Omit<ScopeRequest, 'pid'>): Promise<void> {
  const systemd = await Systemd.connect(request.socket, request.uid);
  try {
    await systemd.call('SetUnitProperties', 'sba(sv)', [
      request.name,
      true,
      request.properties.map(wireProperty),
    ]);
  } catch (error) {
    throw new Failure(
      `the limits are set, but systemd does not take them for ${request.name} and may undo them: ${(error as Error).message}`,
    );
  } finally {
    systemd.close();
  }
}

/** Answer a question of a plan's. */
export async function answer(topic: string, payload: string): Promise<string> {
  if (topic !== 'cg-limit/scope') throw new Error(`cg-limit does not know the question ${topic}`);
  return startScope(JSON.parse(payload) as ScopeRequest);
}
