import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'

const root = resolve(import.meta.dirname, '..')

/** One `import … from`, `export … from` or `import('…')` of a file of ours; both paths from the root. */
export interface Import {
  readonly from: string
  readonly to: string
  /** Gone at run time. */
  readonly isType: boolean
  /** Names that are taken, as the other file calls them; null: all of them. */
  readonly names: readonly string[] | null
}

export function isTest(file: string): boolean {
  return /\.(test|contract|fixture)\.ts$|(^|\/)(testing|contract|fixtures?)(\/|\.ts$)/.test(file)
}

/** TypeScript files below a folder, from the root. */
export function filesBelow(folder: string): readonly string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.includes('node_modules'))
    .map((file) => join(folder, file))
}

export function textOf(file: string): string {
  return readFileSync(join(root, file), 'utf8')
}

const statement =
  /^(import|export)\s+(type\s)?([^'";]*?)\s*from\s+'(\.[^']+)'|import\('(\.[^']+)'\)|^import\s+'(\.[^']+)'/gm

export function importsOf(file: string): readonly Import[] {
  return [...textOf(file).matchAll(statement)].map(([, , isType, clause, ...paths]) => {
    const names = clause === undefined ? null : namesIn(clause)
    return {
      from: file,
      to: relative(root, resolve(root, dirname(file), paths.find((path) => path !== undefined) ?? '')),
      isType: isType !== undefined || (names !== null && names.length > 0 && names.every(({ isType }) => isType)),
      names: names === null || /\*/.test(clause ?? '') ? null : names.map(({ name }) => name),
    }
  })
}

/** Of `Default, { a, type B as C }`: what the other file calls them. */
function namesIn(clause: string): readonly { readonly name: string; readonly isType: boolean }[] {
  const braces = /\{([^}]*)\}/.exec(clause)?.[1] ?? ''
  const listed = braces
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .map((part) => ({ name: part.replace(/^type\s+/, '').replace(/\s+as\s.*$/, ''), isType: part.startsWith('type ') }))
  const isDefault = /^[A-Za-z_$]/.test(clause)
  return isDefault ? [...listed, { name: 'default', isType: false }] : listed
}

const declared =
  /^export\s+(?:declare\s+)?(?:abstract\s+)?(?:async\s+)?(?:function\*?|class|const|let|interface|type|enum)\s+([A-Za-z_$][\w$]*)/gm
const listed = /^export\s+(?:type\s+)?\{([^}]*)\}/gm

/** Names that a file gives to others. */
export function exportsOf(file: string): readonly string[] {
  const text = textOf(file)
  const names = [...text.matchAll(declared)].map(([, name = '']) => name)
  for (const [, list = ''] of text.matchAll(listed))
    for (const part of list.split(',')) {
      const name = part
        .trim()
        .replace(/^type\s+/, '')
        .replace(/^.*\sas\s+/, '')
      if (name !== '') names.push(name)
    }
  return names
}

/** Groups of files of which each imports every other one by some way; sorted. */
export function circlesOf(imports: readonly Pick<Import, 'from' | 'to'>[]): readonly (readonly string[])[] {
  const next = new Map<string, Set<string>>()
  for (const { from, to } of imports) next.set(from, (next.get(from) ?? new Set()).add(to))
  const reached = new Map([...next.keys()].map((file) => [file, reachableFrom(file, next)]))
  const circles = [...next.keys()]
    .filter((file) => reached.get(file)?.has(file))
    .map((file) => [...(reached.get(file) ?? [])].filter((other) => reached.get(other)?.has(file)).toSorted())
  return [...new Map(circles.map((circle) => [circle.join(), circle])).values()]
}

function reachableFrom(file: string, next: ReadonlyMap<string, ReadonlySet<string>>): ReadonlySet<string> {
  const reached = new Set<string>()
  const waiting = [...(next.get(file) ?? [])]
  for (let to = waiting.pop(); to !== undefined; to = waiting.pop()) {
    if (reached.has(to)) continue
    reached.add(to)
    waiting.push(...(next.get(to) ?? []))
  }
  return reached
}
