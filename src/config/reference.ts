import { z } from 'zod'
import { formOf, optionsOf } from './schema/walk.ts'
import { documentSchema } from './schema.ts'

export interface ReferenceKey {
  /** `services.<name>.health.path`, `routes[].host`. */
  readonly path: string
  readonly type: string
  /** As written in the documentation; '' for a key that has to be there. */
  readonly fallback: string
  readonly isRequired: boolean
  readonly description: string
}

/** Every key of the document, in the order of the schema. */
export function referenceKeys(): readonly ReferenceKey[] {
  return [...keysBelow(documentSchema, '')]
}

function* keysBelow(schema: z.ZodType, prefix: string): Generator<ReferenceKey> {
  for (const option of optionsOf(schema)) {
    if (option instanceof z.ZodArray) yield* keysBelow(option.element as z.ZodType, `${prefix}[]`)
    if (option instanceof z.ZodRecord) yield* keysBelow(option.valueType as z.ZodType, `${prefix}.<name>`)
    if (!(option instanceof z.ZodObject)) continue
    for (const [name, child] of Object.entries(option.shape as Record<string, z.ZodType>)) {
      const path = prefix === '' ? name : `${prefix}.${name}`
      yield describeKey(path, child)
      // The same block at another place: described once.
      if (!/^environments\.<name>\.(services|edge|database)$/.test(path)) yield* keysBelow(child, path)
    }
  }
}

function describeKey(path: string, schema: z.ZodType): ReferenceKey {
  const { description = '', default: value, defaultText } = schema.meta() ?? {}
  const isRequired = !(schema instanceof z.ZodOptional)
  const fallback = defaultText ?? (value === undefined ? 'none' : `\`${JSON.stringify(value).replaceAll('"', '')}\``)
  return { path, type: typeText(schema), fallback: isRequired ? '' : fallback, isRequired, description }
}

function typeText(schema: z.ZodType): string {
  const form = formOf(schema)
  if (form?.label !== undefined) return form.label
  return [...new Set(optionsOf(schema).map(typeOf))].join(' or ')
}

function typeOf(schema: z.ZodType): string {
  const form = formOf(schema)
  if (form?.label !== undefined) return form.label
  if (schema instanceof z.ZodEnum) return schema.options.map((choice) => `\`${choice}\``).join(', ')
  if (schema instanceof z.ZodLiteral) return [...schema.values].map((value) => `\`${String(value)}\``).join(', ')
  if (schema instanceof z.ZodNumber) return 'number'
  if (schema instanceof z.ZodBoolean) return 'true or false'
  if (schema instanceof z.ZodArray) return `list of ${typeText(schema.element as z.ZodType)}`
  if (schema instanceof z.ZodRecord) return `by name: ${typeText(schema.valueType as z.ZodType)}`
  return schema instanceof z.ZodObject ? 'object' : 'text'
}

const sections: readonly { readonly title: string; readonly prefix: string }[] = [
  { title: 'The document', prefix: '' },
  { title: 'Services', prefix: 'services.<name>' },
  { title: 'Environments', prefix: 'environments.<name>' },
  { title: 'Strategy', prefix: 'environments.<name>.strategy' },
  { title: 'Build as a whole', prefix: 'build' },
  { title: 'Database', prefix: 'database' },
  { title: 'Edge', prefix: 'edge' },
]

/** The tables of `docs/configuration.md`: each key in the section with the longest fitting prefix. */
function referenceTables(): string {
  const keys = referenceKeys()
  const isIn = (path: string, prefix: string) => prefix === '' || path.startsWith(`${prefix}.`)
  const sectionOf = (path: string) =>
    sections.reduce((best, section) =>
      isIn(path, section.prefix) && section.prefix.length > best.prefix.length ? section : best,
    )
  return sections
    .map((section) => {
      const own = keys.filter(({ path }) => sectionOf(path) === section)
      const rows = own.map((key) => row(key, section.prefix))
      const where = section.prefix === '' ? '' : `Below \`${section.prefix}\`.\n\n`
      return `### ${section.title}\n\n${where}| key | type | default | meaning |\n|---|---|---|---|\n${rows.join('\n')}\n`
    })
    .join('\n')
}

const begin = '<!-- keys: generated from src/config/schema.ts -->'
const end = '<!-- /keys -->'

/** The page with its tables as the schema has them now. */
export function withReferenceTables(page: string): string {
  const [before = '', rest = ''] = page.split(begin)
  const after = rest.slice(Math.max(0, rest.indexOf(end)))
  return `${before}${begin}\n\n${referenceTables()}\n${after}`
}

function row({ path, type, fallback, isRequired, description }: ReferenceKey, prefix: string): string {
  const key = prefix === '' ? path : path.slice(prefix.length + 1)
  const cells = [`\`${key}\``, type, isRequired ? '**required**' : fallback, description]
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
}
