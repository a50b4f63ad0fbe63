/** All that cg-limit knows of controllers, in the order in which their files are written and shown. */
import type { Controller } from './controller.ts';
import { core } from './core.ts';
import { cpu } from './cpu/index.ts';
import { cpuset } from './cpuset.ts';
import { devices } from './devices.ts';
import { hugetlb } from './hugetlb.ts';
import { io } from './io/index.ts';
import { memory } from './memory/index.ts';
import { misc } from './misc.ts';
import { network } from './network.ts';
import { pids } from './pids.ts';
import { rdma } from './rdma.ts';

export const controllers: readonly Controller[] = [
  memory,
  cpu,
  cpuset,
  pids,
  io,
  hugetlb,
  devices,
  network,
  rdma,
  misc,
  core,
];
