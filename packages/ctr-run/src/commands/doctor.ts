import { out, UsageError, wantsColor } from '@ctr-tools/cli';
import { engines } from '../doctor/engines.ts';
import { gatherMachine } from '../doctor/facts.ts';
import { findingsOf } from '../doctor/findings.ts';
import { renderFindings, verdict } from '../doctor/text.ts';
import { type Call, has, one } from '../subcommand.ts';

/**
 * `ctr-run doctor`: what this machine can do for containers, and what would give it the rest. It reads files alone.
 * 0 where the caller can make a container, 1 where something for that is missing.
 */
export function run(call: Call): number {
  const { host } = call;
  const facts = gatherMachine(host);
  const engine = one(call, 'engine');
  if (engine !== undefined) {
    const known = engines[engine];
    if (!known) throw new UsageError(`--engine is "${engine}"; it can be ${Object.keys(engines).join(', ')}`);
    // A comment is where all of these but Docker's JSON have one.
    if (engine !== 'docker') out(`# ${known.file}\n`);
    out(known.text(host.launcher || '/usr/local/bin/ctr-run', facts.systemd));
    return 0;
  }
  const findings = findingsOf(facts);
  const fine = findings.every(({ state }) => state !== 'missing');
  if (has(call, 'json')) out(`${JSON.stringify({ canRun: fine, facts, findings }, undefined, 2)}\n`);
  else out(`${renderFindings(findings, wantsColor(host, 1))}\n${verdict(findings, facts.user)}\n`);
  return fine ? 0 : 1;
}
