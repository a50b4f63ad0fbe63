/** What every group of v2 has, whatever its controllers (cgroup-v2.rst, "Core Interface Files"); it has no flags but --set. */
import { controller } from './controller.ts';
import { amount, placeOf, readIn } from './show.ts';

export const core = controller({
  names: ['core'],
  flags: [],
  parse: () => ({}),
  enabledBySystemd: true,
  others(target) {
    const place = placeOf(target, 'unified');
    return [
      ...amount('groups below', 'count', readIn(place, 'cgroup.max.descendants'), Number.NaN),
      ...amount('depth below', 'count', readIn(place, 'cgroup.max.depth'), Number.NaN),
    ];
  },
});
