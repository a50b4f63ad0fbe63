import { constants } from 'node:os';
import { SIGNALS } from '@ctr-tools/sys/constants';
import { expect, test } from 'vitest';

test('signals have the numbers that this machine gives them', () => {
  expect(SIGNALS).toEqual({ ...constants.signals });
});
