import { fromCaller, type Outcome, out } from '@ctr-tools/cli';
import { defaultSpec, rootlessSpec, type Spec, serializeJson } from '@ctr-tools/oci';
import { compile } from '@ctr-tools/plan';
import { madeUpId } from '../container/make.ts';
import { peoplesSpec } from '../container/people.ts';
import { mannerOf } from '../globals.ts';
import { type Call, has, one } from '../subcommand.ts';
import { writeSteps } from '../write-file.ts';

/** `ctr-run spec`: print a spec; with `--bundle DIR` write DIR/config.json, never over one that is there. */
export function run(call: Call): Outcome {
  const asked = call.parsed.command !== undefined || ['rootfs', 'image'].some((flag) => has(call, flag));
  const spec = asked ? peoplesSpec(call, one(call, 'id') ?? madeUpId()) : bareSpec(call);
  const text = serializeJson(spec, 2);
  const bundle = one(call, 'bundle');
  if (bundle !== undefined) {
    const steps = writeSteps(`${fromCaller(call.host, bundle)}/config.json`, text, 'new');
    return compile([steps], mannerOf(call.globals, 125));
  }
  out(text);
  return 0;
}

function bareSpec(call: Call): Spec {
  const { euid, egid } = call.host;
  return has(call, 'rootless') ? rootlessSpec({ uid: euid, gid: egid }) : defaultSpec();
}
