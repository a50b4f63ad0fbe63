import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Failure, type Host } from '@ctr-tools/cli';
import type { Plan } from '@ctr-tools/plan';
import { defaultProfile } from '../name.ts';
import type { ConfineOptions } from '../options.ts';
import { compilePolicy } from './compile.ts';
import { policyPlan } from './policy.ts';
import { defaultText } from './render.ts';
import { requireApparmor } from './require.ts';

/** `--load[=FILE]`, `--replace[=FILE]`: compile it, and give it to the kernel whole or not at all. */
export function load(how: 'load' | 'replace', file: string, options: ConfineOptions, host: Host): Plan {
  const source = file === '' ? `the profile ${options.name ?? defaultProfile}` : file;
  const doing = `${how} ${source}`;
  requireApparmor(doing);
  const text = file === '' ? defaultText(options) : readText(file, doing, host);
  // For a file the parser itself makes all profiles in it complain.
  const extra = file !== '' && options.complain ? ['--Complain'] : [];
  const policy = compilePolicy(text, source, extra);
  return policyPlan(options.namespace, `.${how}`, policy, doing);
}

function readText(file: string, doing: string, host: Host): Buffer {
  try {
    return readFileSync(resolve(host.cwd, file));
  } catch (error) {
    throw new Failure(`${doing}: ${(error as Error).message}`);
  }
}
