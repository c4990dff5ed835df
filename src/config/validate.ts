import { type Problem, SluiceError } from '../model/error.ts'
import type { Check } from './checks/check.ts'
import { checkEdge } from './checks/edge.ts'
import { checkRoutes } from './checks/routes.ts'
import { checkServices, checkVariablesEverywhere } from './checks/services.ts'
import { checkStrategies } from './checks/strategy.ts'
import { isRecord, isWithin, type Path, pathText, valueAt } from './path.ts'
import { type LocatedProblem, schemaProblems } from './problems.ts'
import { type ConfigDocument, documentSchema } from './schema.ts'
import { seenAt } from './seen.ts'

const checks: readonly Check[] = [checkServices, checkVariablesEverywhere, checkRoutes, checkEdge, checkStrategies]

/** Everything that is wrong with a document, at once. Empty: it is valid. */
export function configProblems(document: unknown): readonly Problem[] {
  const wrongForms = schemaProblems(documentSchema, document)
  const broken = wrongForms.map(({ steps }) => brokenPart(steps))
  const isBroken = (path: Path) => broken.some((steps) => isWithin(path, steps))
  const found: LocatedProblem[] = [...wrongForms, ...emptyParts(document)]
  if (!broken.some((steps) => steps.length === 0)) {
    const sound = withoutBroken(document, broken) as Partial<ConfigDocument>
    const report = (path: Path, problem: Omit<Problem, 'path' | 'seen'>) => {
      if (isBroken(path)) return
      const value = valueAt(document, path)
      const seen = value === undefined ? {} : { seen: seenAt(path, value) }
      found.push({ path: pathText(path), ...problem, ...seen, steps: path })
    }
    for (const check of checks) check({ document: sound, isBroken, report })
  }
  return inOrder(found, document).map(({ steps: _steps, path, ...rest }) => ({ path: path || 'the document', ...rest }))
}

function emptyParts(document: unknown): readonly LocatedProblem[] {
  return ['services', 'environments'].flatMap((part) => {
    const value = valueAt(document, [part])
    if (!isRecord(value) || Object.keys(value).length > 0) return []
    return [{ path: part, steps: [part], message: 'must have at least one', hint: `name one: ${part}: { … }` }]
  })
}

/** The document, known to be valid; throws `CONFIG_INVALID` with every problem. `file` is named in the message. */
export function validateConfig(document: unknown, file = 'the configuration'): ConfigDocument {
  const problems = configProblems(document)
  if (problems.length === 0) return document as ConfigDocument
  throw new SluiceError('CONFIG_INVALID', `${file} has ${problems.length} problem${problems.length === 1 ? '' : 's'}`, {
    hint: 'correct them and run `sluice config validate`; docs/configuration.md has every key',
    problems,
  })
}

/** A list is broken as a whole: what is left of it would mean something else. */
function brokenPart(steps: Path): Path {
  const index = steps.findIndex((step) => typeof step === 'number')
  return index === -1 ? steps : steps.slice(0, index)
}

/** A copy in which everything of a wrong form is left out, so that the rest can be checked for sense. */
function withoutBroken(value: unknown, broken: readonly Path[], at: Path = []): unknown {
  const isGone = (path: Path) => broken.some((steps) => steps.length === path.length && isWithin(path, steps))
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  const entries = Object.entries(value)
    .filter(([name, child]) => child !== undefined && !isGone([...at, name]))
    .map(([name, child]) => [name, withoutBroken(child, broken, [...at, name])] as const)
  return Object.fromEntries(entries)
}

/** As the document is written, top to bottom. */
function inOrder(problems: readonly LocatedProblem[], document: unknown): readonly LocatedProblem[] {
  const place = ({ steps }: LocatedProblem) =>
    steps.map((step, depth) => {
      if (typeof step === 'number') return step
      const parent = valueAt(document, steps.slice(0, depth))
      const index = Object.keys(Object(parent)).indexOf(String(step))
      return index === -1 ? Number.MAX_SAFE_INTEGER : index
    })
  return problems
    .map((problem) => ({ problem, place: place(problem) }))
    .sort((a, b) => comparePlaces(a.place, b.place))
    .map(({ problem }) => problem)
}

function comparePlaces(a: readonly number[], b: readonly number[]): number {
  for (let depth = 0; depth < Math.min(a.length, b.length); depth++) {
    const difference = (a[depth] ?? 0) - (b[depth] ?? 0)
    if (difference !== 0) return difference
  }
  return a.length - b.length
}
