import { parseInteger, parseSize, UsageError } from '@ctr-tools/cli';
import type { HugepageLimit, Network, Rdma } from '@ctr-tools/oci';
import { parted } from './device.ts';
import { integer } from './resources.ts';

const U32 = 0xffff_ffffn;

/** `2MB:64M`. */
export const hugetlbOf = (texts: readonly string[]): HugepageLimit[] =>
  texts.map((text) => {
    const [page, size] = parted(text, 'hugetlb', 'SIZE', 'PAGESIZE');
    const [, number, unit] = /^(\d+)([KMG])i?B?$/i.exec(page) ?? [];
    if (number === undefined)
      throw new UsageError(`--hugetlb is "${text}"; give the page's size first: 2MB:64M`);
    const limit = size === 'max' ? (1n << 63n) - 1n : parseSize(size, '--hugetlb');
    if (limit > 0n && limit < parseSize(page, '--hugetlb'))
      throw new UsageError(`--hugetlb is "${text}"; that is less than one page, which is none at all (0)`);
    return { pageSize: `${number}${unit!.toUpperCase()}B`, limit: integer(limit) };
  });

export function networkOf(classId: string | undefined, priorities: readonly string[]): Network {
  return {
    ...(classId !== undefined && { classID: Number(parseInteger(classId, '--net-cls', 1n, U32)) }),
    ...(priorities.length > 0 && {
      priorities: priorities.map((text) => {
        const [name, priority] = parted(text, 'net-prio', 'N', 'INTERFACE');
        return { name, priority: Number(parseInteger(priority, '--net-prio', 0n, U32)) };
      }),
    }),
  };
}

/** `mlx5_0:hca_handle=2,hca_object=2000`. */
export function rdmaOf(texts: readonly string[]): Record<string, Rdma> {
  return Object.fromEntries(
    texts.map((text) => {
      const [device, settings] = parted(text, 'rdma', 'KEY=N,...');
      const limits: Rdma = {};
      for (const word of settings.split(',')) {
        const [, key, value] = /^(hca_handle|hca_object)=(\d+)$/.exec(word) ?? [];
        if (key === undefined)
          throw new UsageError(`--rdma is "${text}"; the keys are hca_handle and hca_object`);
        limits[key === 'hca_handle' ? 'hcaHandles' : 'hcaObjects'] = Number(
          parseInteger(value!, '--rdma', 0n, U32),
        );
      }
      return [device, limits];
    }),
  );
}
