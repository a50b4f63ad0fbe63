import { Failure, type Host, out, processTarget } from '@ctr-tools/cli';
import { type SystemError, stat } from '@ctr-tools/host';
import { type Labels, readLabels } from '../labels.ts';
import { presentModules } from '../modules.ts';
import type { ConfineOptions } from '../options.ts';

/** `--show[=PID]`: the labels of a process, of the caller by default. */
export function show(value: string, { json }: ConfineOptions, host: Host): number {
  const pid = processTarget(value, host, '--show');
  const modules = presentModules();
  let labels: Labels;
  try {
    // On a kernel without either there is nothing to read, and a process all the same.
    stat(`/proc/${pid}`);
    labels = readLabels(pid, modules);
  } catch (error) {
    const { code, message } = error as SystemError;
    throw new Failure(
      `read the labels of PID ${pid}: ${code === 'ESRCH' || code === 'ENOENT' ? 'no such process' : message}`,
    );
  }
  if (json) {
    out(`${JSON.stringify({ pid, modules, ...labels }, null, 2)}\n`);
    return 0;
  }
  const { apparmor, selinux } = labels;
  const mode = apparmor?.mode ? ` (${apparmor.mode})` : '';
  out(`apparmor  ${apparmor ? `${apparmor.profile}${mode}` : 'not enabled in this kernel'}\n`);
  out(`selinux   ${selinux ?? 'not enabled in this kernel'}\n`);
  return 0;
}
