import { type AnyStep, slot, step } from '@ctr-tools/plan';

/** Have systemd end a unit and forget it; one that is gone, and a systemd that cannot be reached, are not a failure. */
export const stopUnitStep = (unit: { name: string; socket: string }): AnyStep =>
  step(
    'running',
    'ask',
    { topic: 'cg-limit/stop', payload: JSON.stringify(unit), reply: slot('stopped'), socket: unit.socket },
    `have systemd end the unit ${unit.name}`,
    { side: 'host', unless: ['any'] },
  );
