export type Path = readonly PropertyKey[]

/** `services.web.routes[0].host`; keys that are no plain names are quoted. */
export function pathText(path: Path): string {
  let text = ''
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`
    else if (/^[\w$-]+$/.test(String(step))) text += text === '' ? String(step) : `.${String(step)}`
    else text += `[${JSON.stringify(String(step))}]`
  }
  return text
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Undefined where nothing is. */
export function valueAt(document: unknown, path: Path): unknown {
  let current = document
  for (const step of path) {
    if (Array.isArray(current) && typeof step === 'number') current = current[step]
    else if (isRecord(current) && typeof step === 'string' && Object.hasOwn(current, step)) current = current[step]
    else return undefined
  }
  return current
}

/** True where `path` is `above` or lies below it. */
export function isWithin(path: Path, above: Path): boolean {
  return above.length <= path.length && above.every((step, index) => step === path[index])
}
