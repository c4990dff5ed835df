import { defineConfig } from 'vite'

// The database client goes into the bundle, so that `node build/migrate.js` needs no node_modules.
export default defineConfig({
  publicDir: false,
  ssr: { noExternal: true },
  build: {
    ssr: 'src/migrate.ts',
    outDir: 'build',
    emptyOutDir: false,
    rolldownOptions: { output: { entryFileNames: 'migrate.js', codeSplitting: false } },
  },
})
