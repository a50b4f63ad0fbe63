import { openSync, writeSync } from 'node:fs';
import { Failure, fromCaller, out } from '@ctr-tools/cli';
import { defaultSpec, rootlessSpec, type Spec, serializeJson } from '@ctr-tools/oci';
import { madeUpId } from '../container/make.ts';
import { peoplesSpec } from '../container/people.ts';
import { type Call, has, one } from '../subcommand.ts';

/** `ctr-run spec`: print a spec; with `--bundle DIR` write DIR/config.json, never over one that is there. */
export function run(call: Call): number {
  const asked = call.parsed.command !== undefined || ['rootfs', 'image'].some((flag) => has(call, flag));
  const spec = asked ? peoplesSpec(call, one(call, 'id') ?? madeUpId()) : bareSpec(call);
  const text = serializeJson(spec, 2);
  const bundle = one(call, 'bundle');
  if (bundle === undefined) out(text);
  else writeNew(`${fromCaller(call.host, bundle)}/config.json`, text);
  return 0;
}

function bareSpec(call: Call): Spec {
  const { euid, egid } = call.host;
  return has(call, 'rootless') ? rootlessSpec({ uid: euid, gid: egid }) : defaultSpec();
}

function writeNew(path: string, text: string): void {
  try {
    writeSync(openSync(path, 'wx', 0o644), text);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST')
      throw new Failure(`${path} is there already, and is not overwritten; move it away first`);
    throw new Failure(`write ${path}: ${message}`);
  }
}
