import { defineProject } from 'vitest/config';

/**
 * `skein-source` is the private export condition that points workspace packages at their sources, so that tests run
 * without a build. The others are Vite's own server defaults, which setting `conditions` would replace; without `module`, which Node does
 * not know and which leads to files of bundlers that it cannot load.
 */
const conditions = ['skein-source', 'node', 'development|production'];

/** Shared by every project; Vite reads the two lists for different kinds of import. */
export const sourceConditions = { resolve: { conditions }, ssr: { resolve: { conditions } } };

/** What `vitest run` does inside one package: its own fast tests. Each package's vitest.config.ts re-exports this. */
export const packageConfig = defineProject({
  ...sourceConditions,
  test: { include: ['src/**/*.test.ts'], exclude: ['**/*.int.test.ts', '**/node_modules/**', '**/dist/**'] },
});
