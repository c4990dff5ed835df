import { registerHooks } from 'node:module'

const extension = import.meta.url.endsWith('.ts') ? '.ts' : '.js'
/** What users import as `sluice`, whether their project has it or not. */
export const publicEntry: string = new URL(`../public${extension}`, import.meta.url).href

/** Lets any project import `sluice` and TypeScript, whatever its package.json says. */
export function installHooks(): void {
  registerHooks({
    resolve: (specifier, context, next) =>
      specifier === 'sluice' ? { url: publicEntry, format: null, shortCircuit: true } : next(specifier, context),
    load: (url, context, next) => {
      const format = formatOf(url)
      return next(url, format === null ? context : { ...context, format })
    },
  })
}

/** `.ts` is a module also in a `commonjs` project: that is what everybody writes. */
function formatOf(url: string): 'module-typescript' | null {
  if (url.includes('/node_modules/')) return null
  return /\.m?ts(?:$|[?#])/.test(url) ? 'module-typescript' : null
}
