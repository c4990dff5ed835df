import { z } from 'zod'
import type { Form } from './key.ts'

/** The schema below `optional`. */
export function unwrap(schema: z.ZodType): z.ZodType {
  return schema instanceof z.ZodOptional ? unwrap(schema.unwrap() as z.ZodType) : schema
}

export function optionsOf(schema: z.ZodType): readonly z.ZodType[] {
  const inner = unwrap(schema)
  return inner instanceof z.ZodUnion ? (inner.options as z.ZodType[]).flatMap(optionsOf) : [inner]
}

export function formOf(schema: z.ZodType): Form | undefined {
  return unwrap(schema).meta()?.form ?? schema.meta()?.form
}

/** The keys of an object, also where an object is one of several forms; null for anything else. */
export function shapeOf(schema: z.ZodType): Readonly<Record<string, z.ZodType>> | null {
  for (const option of optionsOf(schema)) if (option instanceof z.ZodObject) return option.shape
  return null
}

/** The schema of what `path` leads to; null where the document knows no such place. */
export function schemaAt(root: z.ZodType, path: readonly PropertyKey[]): z.ZodType | null {
  let current: z.ZodType | null = root
  for (const step of path) {
    if (current === null) return null
    current = child(current, step)
  }
  return current
}

function child(schema: z.ZodType, step: PropertyKey): z.ZodType | null {
  for (const option of optionsOf(schema)) {
    if (option instanceof z.ZodObject && typeof step === 'string' && Object.hasOwn(option.shape, step)) {
      return option.shape[step] as z.ZodType
    }
    if (option instanceof z.ZodRecord) return option.valueType as z.ZodType
    if (option instanceof z.ZodArray && typeof step === 'number') return option.element as z.ZodType
  }
  return null
}

/** Finishes "must be …". */
export function describe(schema: z.ZodType): string {
  const options = optionsOf(schema)
  const form = formOf(schema)
  if (form !== undefined) return form.what
  const forms = [...new Set(options.map(describeOne))]
  return [forms.slice(0, -1).join(', '), forms.at(-1)].filter(Boolean).join(' or ')
}

function describeOne(schema: z.ZodType): string {
  const form = formOf(schema)
  if (form !== undefined) return form.what
  if (schema instanceof z.ZodEnum) return oneOf(schema.options)
  if (schema instanceof z.ZodLiteral) return oneOf([...schema.values])
  if (schema instanceof z.ZodNumber) return describeNumber(schema)
  if (schema instanceof z.ZodBoolean) return 'true or false'
  if (schema instanceof z.ZodArray) return 'a list'
  if (schema instanceof z.ZodString) return 'a text'
  return 'an object'
}

function oneOf(values: readonly unknown[]): string {
  const shown = values.map((value) => (typeof value === 'string' ? `"${value}"` : String(value)))
  return shown.length === 1 ? (shown[0] ?? '') : `one of ${shown.join(', ')}`
}

function describeNumber(schema: z.ZodNumber): string {
  const { type, minimum, exclusiveMinimum, maximum = Number.MAX_SAFE_INTEGER } = z.toJSONSchema(schema)
  const what = type === 'integer' ? 'a whole number' : 'a number'
  const low = minimum === undefined ? '' : `from ${minimum}`
  const above = exclusiveMinimum === undefined ? '' : `above ${exclusiveMinimum}`
  const isBounded = maximum < Number.MAX_SAFE_INTEGER
  const high = isBounded ? `${low === '' ? 'up to' : 'to'} ${maximum}` : low === '' ? '' : 'up'
  return [what, low, above, high].filter(Boolean).join(' ')
}
