import { defineConfig } from 'vitest/config'

// Two cores are shared with Redis, OPA and PostgreSQL: one file at a time keeps tests with servers honest.
const WITH_SERVERS = { fileParallelism: false, testTimeout: 60_000, hookTimeout: 180_000 }

const lane = (name: string, folders: readonly string[], options = {}) => ({
  extends: true as const,
  test: { name, include: folders.map((folder) => `test/${folder}/**/*.test.ts`), ...options },
})

/** The lanes of the tests: `npm test` runs all, `npm test -- --project unit` what needs no server. */
export default defineConfig({
  test: {
    reporters: ['default'],
    projects: [
      lane('unit', ['unit']),
      lane('servers', ['servers'], WITH_SERVERS),
      lane('system', ['system', 'manifests'], WITH_SERVERS),
    ],
  },
})
