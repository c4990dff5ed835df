import { fileURLToPath, pathToFileURL } from 'node:url'
import { installHooks, publicEntry } from './hooks.ts'

export type Module = Readonly<Record<string, unknown>>

/** Imports the file as Node does; with jiti where it holds what Node cannot run (enums, CommonJS in TypeScript). */
export async function loadModule(file: string): Promise<Module> {
  installHooks()
  try {
    return (await import(pathToFileURL(file).href)) as Module
  } catch (error) {
    if (!isAboutLoading(error)) throw error
    return loadWithJiti(file, error)
  }
}

async function loadWithJiti(file: string, first: unknown): Promise<Module> {
  const { createJiti } = await import('jiti')
  const jiti = createJiti(file, {
    alias: { sluice: fileURLToPath(publicEntry) },
    fsCache: false,
    interopDefault: false,
  })
  try {
    const module = await jiti.import<Module>(file)
    return 'default' in module || '__esModule' in module ? module : { default: module }
  } catch (second) {
    // What Node says about a slip is clearer and has the exact place.
    throw isAboutLoading(second) || isMissingExport(first, second) ? clearer(first, second) : second
  }
}

/** The first error; the second stays its cause, since it may know the place. */
function clearer(first: unknown, second: unknown): unknown {
  if (first instanceof Error) first.cause ??= second
  return first
}

/** The compiler lets a wrong name through, which then is undefined where it is called. */
function isMissingExport(first: unknown, second: unknown): boolean {
  const name =
    first instanceof Error ? /does not provide an export named '([^']+)'/.exec(first.message)?.[1] : undefined
  return name !== undefined && second instanceof TypeError && second.message.includes(name)
}

/** True for errors from before any line of the user's ran. */
function isAboutLoading(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  if (error instanceof SyntaxError || error.name === 'ParseError' || error.message.startsWith('ParseError:'))
    return true
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  if (
    /^(?:ERR_)?(?:UNSUPPORTED_|INVALID_TYPESCRIPT|MODULE_NOT_FOUND|UNKNOWN_FILE|REQUIRE_|IMPORT_ATTRIBUTE)/.test(code)
  )
    return true
  return (
    error instanceof ReferenceError &&
    /^(?:module|exports|require|__dirname|__filename) is not defined/.test(error.message)
  )
}
