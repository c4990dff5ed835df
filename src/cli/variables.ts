import { SluiceError } from '../model/error.ts'

type Environment = Readonly<Record<string, string | undefined>>

/**
 * What the configuration may read of this shell: the variables that its text names, and those that `--var`
 * names. It is evaluated by the control plane, whose own environment is none of its business.
 */
export function variablesFor(
  text: string,
  named: string | undefined,
  environment: Environment,
): Record<string, string> {
  const mentioned = namesIn(text).flatMap((name) => {
    const value = environment[name]
    return value === undefined ? [] : [[name, value] as const]
  })
  const given = (named ?? '').split(',').filter((word) => word.trim() !== '')
  return Object.fromEntries([...mentioned, ...given.map((word) => variableOf(word.trim(), environment))])
}

const ENVIRONMENT = 'process\\.env'
const NAME = '([A-Za-z_]\\w*)'
const dotted = new RegExp(`\\b${ENVIRONMENT}\\??\\.${NAME}`, 'g')
const quoted = new RegExp(`\\b${ENVIRONMENT}\\[\\s*['"\`]${NAME}['"\`]\\s*\\]`, 'g')
const together = new RegExp(`\\{([^{}]*)\\}\\s*=\\s*${ENVIRONMENT}\\b`, 'g')

/** One by one, by a quoted name, or several at once: `const { NAME, OTHER = 'x' } = …`. */
function namesIn(text: string): readonly string[] {
  const lists = [...text.matchAll(together)].map(([, names = '']) => names)
  const found = [
    ...text.matchAll(dotted),
    ...text.matchAll(quoted),
    ...lists.flatMap((names) => [...names.matchAll(new RegExp(`(?:^|,)\\s*${NAME}`, 'g'))]),
  ]
  return [...new Set(found.map(([, name = '']) => name))]
}

function variableOf(word: string, environment: Environment): readonly [string, string] {
  const equals = word.indexOf('=')
  const name = equals === -1 ? word : word.slice(0, equals)
  const value = equals === -1 ? environment[name] : word.slice(equals + 1)
  if (!/^[A-Za-z_]\w*$/.test(name)) {
    throw new SluiceError('USAGE', `--var ${word}: ${name} is no name of a variable`, { hint: 'NAME, or NAME=value' })
  }
  if (value === undefined) {
    throw new SluiceError('USAGE', `--var ${name}: it is not set here`, { hint: `--var ${name}=value gives it one` })
  }
  return [name, value]
}
