import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'scripts/**/*.test.ts', 'bench/**/*.test.ts', 'e2e/**/*.test.ts'],
    // Deadlines here only end a hanging test; they are never an assertion about speed.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    retry: 0,
    maxWorkers: 2,
  },
})
