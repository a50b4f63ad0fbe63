/**
 * `node test/plan-without.ts OPERATION FILE TOOL [ARG...]`: the plan of a command line, written to a
 * file for `ctr-launcher --plan`, as it would be if that operation's row named no effects. With the
 * operation `-` all rows are as they are.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Host, runTool, type Tool } from '../packages/cli/src/index.ts';
import { encode, type OpName, type OpShape, ops } from '../packages/plan/src/index.ts';
import { siblings } from '../packages/planner/src/tools.ts';
import { dist } from './dist.ts';

const [without = '-', file = '', tool = '', ...argv] = process.argv.slice(2);
if (without !== '-') (ops[without as OpName] as OpShape).does = [];
const host: Host = {
  tool,
  argv,
  env: new Map(Object.entries(process.env) as [string, string][]),
  pid: process.pid,
  ppid: process.ppid,
  uid: process.getuid!(),
  euid: process.geteuid!(),
  gid: process.getgid!(),
  egid: process.getegid!(),
  umask: 0o22,
  fds: [0, 1, 2],
  tty: [false, false, false],
  columns: 80,
  rows: 24,
  launcher: join(dist, 'bin', tool),
  cwd: process.cwd(),
};
const outcome = await runTool((await siblings(tool)) as Tool, host, siblings);
if (typeof outcome === 'number' || !('steps' in outcome)) throw new Error('no plan');
writeFileSync(file, encode(outcome));
