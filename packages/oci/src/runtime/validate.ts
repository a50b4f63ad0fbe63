/** Reading and checking `config.json` and the documents around it. */
import { parseJson } from '../json.ts';
import { Context } from '../schema/check.ts';
import { checkDocument, findingsIn, type Verdict } from '../schema/document.ts';
import { platformRules, processRules, rules, runProcessRules, runRules } from './rules.ts';
import { namespaceNeeds } from './rules-namespaces.ts';
import { resourceRules } from './rules-resources.ts';
import { process as processSchema, spec as specSchema } from './schema.ts';
import { resources as resourcesSchema } from './schema-resources.ts';
import { SpecError } from './spec-error.ts';
import type { LinuxResources, Process, Spec } from './types.ts';

export type { Problem, Warning } from '../schema/check.ts';
export type { Verdict } from '../schema/document.ts';
export { SpecError } from './spec-error.ts';

/**
 * What is asked of a document: `run` that it can be carried out whole; `whole` that it is a
 * valid `config.json`; `draft` only that what is there is right, for specs still in the making.
 */
export type Demand = 'run' | 'whole' | 'draft';

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
  return checkDocument(value, document, specSchema, demand !== 'draft', (spec, findings) => {
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
  return checkDocument(parseJson(input, document), document, processSchema, true, (process, findings) => {
    processRules(process, findings, []);
    runProcessRules(process, findings, []);
  });
}

/** Parse and check resources alone, as `update --resources` reads them. */
export function readResources(input: Uint8Array | string, document: string): Verdict<LinuxResources> {
  return checkDocument(parseJson(input, document), document, resourcesSchema, true, (resources, findings) =>
    resourceRules(resources, findings, []),
  );
}
