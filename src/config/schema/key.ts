import { z } from 'zod'
import { durationPattern, percentPattern, sizePattern } from '../units.ts'

/** What people are told when a text has the wrong form. Read by `problems.ts`, shown in the reference. */
export interface Form {
  /** Finishes "must be …". */
  readonly what: string
  readonly example: string
  /** Short name in the reference. */
  readonly label?: string
}

declare module 'zod' {
  interface GlobalMeta {
    readonly form?: Form
    /** Shown in the reference where the default is a sentence rather than a value. */
    readonly defaultText?: string
  }
}

/** An optional key: what it means, and what holds when it is left out. */
export function key<S extends z.ZodType>(schema: S, description: string, fallback?: unknown, defaultText?: string) {
  return schema.optional().meta({
    description,
    ...(fallback === undefined ? {} : { default: fallback }),
    ...(defaultText === undefined ? {} : { defaultText }),
  })
}

/** A key that has to be there. */
export function required<S extends z.ZodType>(schema: S, description: string) {
  return schema.meta({ ...schema.meta(), description })
}

function form(pattern: RegExp, text: Form) {
  return z.string().regex(pattern).meta({ form: text })
}

export const duration = form(durationPattern, {
  what: 'a duration with its unit (ms, s, m, h, d)',
  example: '90s',
  label: 'duration',
})
export const size = form(sizePattern, {
  what: 'a size with its unit (B, kB, MB, GB, KiB, MiB, GiB)',
  example: '512MB',
  label: 'size',
})
const percent = form(percentPattern, {
  what: 'a share: a number from 0 to 1, or a percentage',
  example: '25%',
  label: 'percentage',
})
export const share = z.union([z.number().min(0).max(1), percent])
export const name = form(/^[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?$/, {
  what: 'a name of lower-case letters, digits and hyphens, at most 40, beginning with a letter',
  example: 'web',
  label: 'name',
})
export const urlPath = form(/^\/[^\s?#]*$/, {
  what: 'a path that begins with / and has no query',
  example: '/health',
  label: 'path',
})
/** Below a folder of ours: not absolute, no step upwards. */
export const folder = form(/^(?!\/)(?!(?:.*\/)?\.\.(?:\/|$))[^\0\\]+$/, {
  what: 'a path inside the project, without ..',
  example: 'build',
  label: 'folder',
})
/** No process can be given a NUL. */
export const command = form(/^[^\0]*[^\s\0][^\0]*$/, { what: 'a command', example: 'node server.js', label: 'command' })
export const port = z.number().int().min(1).max(65535)
export const count = z.number().int().min(1)

export const envName = form(/^[A-Za-z_][A-Za-z0-9_]*$/, {
  what: 'the name of an environment variable',
  example: 'LOG_LEVEL',
})
export const env = z.record(envName, z.union([z.string(), z.number(), z.boolean()]))
