/** Reading and checking `config.json` and the documents around it. */
import { parseJson } from '../json.ts';
import { type Check, Context, pathText, type Warning } from '../schema/check.ts';
import { type Findings, platformRules, processRules, rules, runProcessRules, runRules } from './rules.ts';
import { namespaceNeeds } from './rules-namespaces.ts';
import { resourceRules } from './rules-resources.ts';
import { process as processSchema, spec as specSchema } from './schema.ts';
import { seccomp as seccompSchema } from './schema-linux.ts';
import { resources as resourcesSchema } from './schema-resources.ts';
import { SpecError } from './spec-error.ts';
import type { LinuxResources, LinuxSeccomp, Process, Spec } from './types.ts';

export type { Problem, Warning } from '../schema/check.ts';
export { SpecError } from './spec-error.ts';

export interface Verdict<T> {
  value: T;
  /** Names in another case, unknown properties and capabilities, deprecated things. Those not `told` are for who asks. */
  warnings: readonly Warning[];
}

/**
 * What is asked of a document: `run` that it can be carried out whole; `whole` that it is a
 * valid `config.json`; `draft` only that what is there is right, for specs still in the making.
 */
export type Demand = 'run' | 'whole' | 'draft';

const findingsIn = (context: Context): Findings => ({
  problem: (path, message) => context.problems.push({ path: pathText(path), message }),
  warning: (path, message) => context.warnings.push({ path: pathText(path), message, told: false }),
});

function check<T>(
  value: unknown,
  document: string,
  shape: Check<T>,
  complete: boolean,
  more?: (value: T, findings: Findings) => void,
): Verdict<T> {
  const context = new Context(complete);
  shape(value, context);
  // The rules trust the types, so they have to wait for the right shape.
  if (context.problems.length === 0) more?.(value as T, findingsIn(context));
  if (context.problems.length > 0) throw new SpecError(document, context.problems);
  return { value: value as T, warnings: context.warnings };
}

/**
 * Check a parsed `config.json`. Properties that are null are removed from it, and names that differ in case
 * alone are made right; nothing else is changed. Throws `SpecError` with every problem found.
 */
export function validateSpec(
  value: unknown,
  demand: Demand = 'run',
  document = 'config.json',
): Verdict<Spec> {
  // What is made for another platform has other shapes too; to list those would hide the reason.
  if (demand === 'run' && typeof value === 'object' && value !== null) {
    const context = new Context(false);
    platformRules(value, findingsIn(context));
    if (context.problems.length > 0) throw new SpecError(document, context.problems);
  }
  return check(value, document, specSchema, demand !== 'draft', (spec, findings) => {
    rules(spec, findings);
    if (demand !== 'draft') namespaceNeeds(spec, findings);
    if (demand === 'run') runRules(spec, findings);
  });
}

/** Parse and check a `config.json`. Throws `JsonError` or `SpecError`. */
export function readSpec(
  input: Uint8Array | string,
  document = 'config.json',
  demand: Demand = 'run',
): Verdict<Spec> {
  return validateSpec(parseJson(input, document), demand, document);
}

/** Parse and check a process alone, as `exec --process` reads it. */
export function readProcess(input: Uint8Array | string, document: string): Verdict<Process> {
  return check(parseJson(input, document), document, processSchema, true, (process, findings) => {
    processRules(process, findings, []);
    runProcessRules(process, findings, []);
  });
}

/** Parse and check resources alone, as `update --resources` reads them. */
export function readResources(input: Uint8Array | string, document: string): Verdict<LinuxResources> {
  return check(parseJson(input, document), document, resourcesSchema, true, (resources, findings) =>
    resourceRules(resources, findings, []),
  );
}

/** Check the shape of a parsed `linux.seccomp` that stands alone in a file. */
export function validateSeccomp(value: unknown, document: string): Verdict<LinuxSeccomp> {
  return check(value, document, seccompSchema, true);
}
