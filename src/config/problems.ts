import type { z } from 'zod'
import type { Problem } from '../model/error.ts'
import { nearest } from '../support/nearest.ts'
import { isRecord, type Path, pathText, valueAt } from './path.ts'
import { describe, formOf, optionsOf, schemaAt, shapeOf, unwrap } from './schema/walk.ts'
import { seenAt } from './seen.ts'
import { slug } from './slug.ts'

/** A problem with the path as steps, so that later checks know what is broken already. */
export interface LocatedProblem extends Problem {
  readonly steps: Path
}

type Issue = z.core.$ZodIssue

/** Every departure of a document from the schema, in our words. */
export function schemaProblems(schema: z.ZodType, document: unknown): readonly LocatedProblem[] {
  return [...parse(schema, document, { schema, document, at: [] }), ...treacherousNames(document, [])]
}

/** `__proto__`, which no schema sees: a JSON or YAML file may hold it as a plain key. */
function treacherousNames(value: unknown, at: Path): LocatedProblem[] {
  if (Array.isArray(value)) return value.flatMap((element, index) => treacherousNames(element, [...at, index]))
  if (!isRecord(value)) return []
  return Object.entries(value).flatMap(([name, child]) => {
    const steps = [...at, name]
    return name === '__proto__' ? [located(steps, { message: 'cannot be a name' })] : treacherousNames(child, steps)
  })
}

interface Context {
  readonly schema: z.ZodType
  readonly document: unknown
  readonly at: Path
}

function parse(schema: z.ZodType, value: unknown, context: Context): LocatedProblem[] {
  const result = schema.safeParse(value)
  return result.success ? [] : result.error.issues.flatMap((issue) => translate(issue, context))
}

function translate(issue: Issue, context: Context): LocatedProblem[] {
  const steps = [...context.at, ...issue.path]
  const schema = schemaAt(context.schema, steps)
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.filter((key) => key !== '__proto__').map((key) => unknownKey(key, steps, context))
    case 'invalid_key':
      return invalidName(steps, context)
    case 'invalid_union':
      return schema === null ? [] : unionProblems(issue, schema, { ...context, at: steps })
    default:
      return [wrongValue(steps, schema, context, issue)]
  }
}

function wrongValue(steps: Path, schema: z.ZodType | null, { document }: Context, issue?: Issue): LocatedProblem {
  const value = valueAt(document, steps)
  if (value === undefined && steps.length > 0) {
    return located(steps, { message: 'is missing', hint: missingHint(schema) })
  }
  const isEmptyList = issue?.code === 'too_small' && issue.origin === 'array'
  const message = isEmptyList ? 'must not be empty' : `must be ${schema === null ? 'something else' : describe(schema)}`
  const hint = steps.length === 0 ? wholeHint : schema === null ? undefined : suggestion(schema, value)
  return located(steps, { message, seen: seenAt(steps, value), ...(hint === undefined ? {} : { hint }) })
}

const wholeHint = 'with at least project, services and environments: `sluice init` writes one that fits the project'

function missingHint(schema: z.ZodType | null): string {
  const what = schema === null ? 'set' : describe(schema)
  const description = schema?.meta()?.description
  return what === 'an object' && description !== undefined ? description : `it must be ${what}`
}

/** Only the forms that fit the kind of value are talked about: nobody who wrote a text wants to hear of objects. */
function unionProblems(
  issue: Extract<Issue, { code: 'invalid_union' }>,
  schema: z.ZodType,
  context: Context,
): LocatedProblem[] {
  const value = valueAt(context.document, context.at)
  const isObject = typeof value === 'object' && value !== null
  const branches = issue.errors.filter((_, index) => {
    const option = optionsOf(schema)[index]
    return option !== undefined && (shapeOf(option) !== null) === isObject
  })
  const [branch] = branches
  if (isObject && branches.length === 1 && branch !== undefined) {
    return branch.flatMap((inner) => translate(inner, context))
  }
  return [wrongValue(context.at, schema, context)]
}

function unknownKey(key: string, parent: Path, context: Context): LocatedProblem {
  const steps = [...parent, key]
  const schema = schemaAt(context.schema, parent)
  const known = Object.keys((schema && shapeOf(schema)) ?? {})
  return located(steps, {
    message: 'is not a known key',
    seen: seenAt(steps, valueAt(context.document, steps)),
    hint: keyHint(key, known, context.schema),
  })
}

function keyHint(key: string, known: readonly string[], root: z.ZodType): string {
  const same = known.find((name) => name.toLowerCase() === key.toLowerCase())
  const guess = same ?? nearest(key, known)
  if (guess !== null) return `did you mean ${guess}?`
  const homes = homesOf(key, root)
  if (homes.length > 0) return `${key} belongs into ${homes.join(' or ')}`
  return `known here: ${known.join(', ')}`
}

/** Where else a key of this name is known. */
function homesOf(key: string, schema: z.ZodType, path = 'the document'): string[] {
  const homes = new Set<string>()
  for (const option of optionsOf(schema)) {
    const shape = shapeOf(option)
    if (shape === null) {
      const element = schemaAt(option, [0])
      if (element !== null) for (const home of homesOf(key, element, `${path}.<name>`)) homes.add(home)
      continue
    }
    if (Object.hasOwn(shape, key)) homes.add(path)
    for (const [name, child] of Object.entries(shape)) {
      for (const home of homesOf(key, child, path === 'the document' ? name : `${path}.${name}`)) homes.add(home)
    }
  }
  return [...homes]
}

/** A name that cannot be: what stands below it is looked at all the same. */
function invalidName(steps: Path, context: Context): LocatedProblem[] {
  const parent = schemaAt(context.schema, steps.slice(0, -1))
  const record = parent === null ? null : unwrap(parent)
  const keySchema = record !== null && 'keyType' in record ? (record.keyType as z.ZodType) : null
  const name = String(steps.at(-1))
  const fixed = slug(name)
  const isProjectName = steps.at(-2) !== 'env'
  const problem = located(steps, {
    message: `is no name for this: it must be ${keySchema === null ? 'another text' : describe(keySchema)}`,
    seen: JSON.stringify(name),
    ...(isProjectName && fixed !== '' ? { hint: `for example ${fixed}` } : {}),
  })
  const valueSchema = schemaAt(context.schema, steps)
  const value = valueAt(context.document, steps)
  const inner = valueSchema === null ? [] : parse(valueSchema, value, { ...context, at: steps })
  return [problem, ...inner]
}

function suggestion(schema: z.ZodType, value: unknown): string | undefined {
  const options = optionsOf(schema)
  if (value === null && shapeOf(schema) !== null) return 'write {} where nothing differs from the defaults'
  const choices = options.flatMap((option) => ('options' in option ? (option.options as unknown[]) : []))
  const names = choices.filter((choice) => typeof choice === 'string')
  if (typeof value === 'string' && names.length > 0) {
    const guess = nearest(value, names)
    if (guess !== null) return `did you mean ${guess}?`
  }
  for (const option of options) {
    const form = formOf(option)
    if (form !== undefined) return fitted(form.label, value) ?? `for example ${JSON.stringify(form.example)}`
  }
  const isNumber = options.some((option) => option.def.type === 'number')
  if (isNumber && typeof value === 'string' && value.trim() !== '' && !Number.isNaN(Number(value))) {
    return `write ${Number(value)} without quotes`
  }
  if (typeof value === 'string' && options.some((option) => option.def.type === 'array')) {
    const element = schemaAt(schema, [0])
    const isNumber = element?.def.type === 'number' && !Number.isNaN(Number(value))
    return `write [${isNumber ? value : JSON.stringify(value)}]`
  }
  return schema.meta()?.description
}

/** The value itself in the right form, where it can be guessed. */
function fitted(label: string | undefined, value: unknown): string | undefined {
  if (label === 'duration' && typeof value === 'number' && value >= 0)
    return `write "${value}s" for seconds, or "${value}ms"`
  if (label === 'duration' && typeof value === 'string' && /^\d+$/.test(value)) return `write "${value}s" for seconds`
  if (label === 'size' && typeof value === 'number') return `write "${value}MB", or "${value}B"`
  if (label === 'path' && typeof value === 'string' && /^[\w-][^\s?#]*$/.test(value)) return `write "/${value}"`
  if (label === 'name' && typeof value === 'string') {
    const fixed = slug(value)
    return fixed === '' ? undefined : `for example ${fixed}`
  }
  if (label === 'host' && typeof value === 'string') {
    const bare = value
      .toLowerCase()
      .replace(/^[a-z]+:\/\//, '')
      .replace(/[:/].*$/, '')
    return bare === '' || bare === value ? undefined : `write ${JSON.stringify(bare)}`
  }
  return undefined
}

function located(steps: Path, problem: Omit<Problem, 'path'>): LocatedProblem {
  return { path: pathText(steps), ...problem, steps }
}
