/** The unit tests that scripts/mutate.ts asks. */
import { defineConfig } from 'vitest/config';
import { asked } from './mutate-files.ts';

export default defineConfig({
  test: {
    include: asked.map((name) => `packages/${name}/test/*.test.ts`),
    exclude: ['**/*.host.test.ts', '**/*.vm.test.ts'],
    setupFiles: ['test/worker.ts'],
    expect: { requireAssertions: true },
  },
});
