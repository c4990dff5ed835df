const token =
  /[ \t\r\n]*(?:("(?:[^"\\\p{Cc}]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*")|(-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)|([{}[\],:]))/uy
const space = /[ \t\r\n]*/y

type Expected = 'value' | 'value-or-end' | 'key' | 'key-or-end' | 'colon' | 'comma-or-end' | 'nothing'

/** Where a text stops being JSON: the parser of the platform names the character, but rarely the place. */
export function jsonErrorOffset(text: string): number {
  const open: ('{' | '[')[] = []
  let expected: Expected = 'value'
  const afterValue = (): Expected => (open.length === 0 ? 'nothing' : 'comma-or-end')
  for (let offset = 0; ; offset = token.lastIndex) {
    space.lastIndex = offset
    space.test(text)
    const at = space.lastIndex
    token.lastIndex = offset
    const [, string, scalar, mark] = token.exec(text) ?? []
    if (expected === 'nothing') return at
    if (string !== undefined) {
      if (expected === 'key' || expected === 'key-or-end') expected = 'colon'
      else if (expected === 'value' || expected === 'value-or-end') expected = afterValue()
      else return at
    } else if (scalar !== undefined) {
      if (expected !== 'value' && expected !== 'value-or-end') return at
      expected = afterValue()
    } else if (mark === '{' || mark === '[') {
      if (expected !== 'value' && expected !== 'value-or-end') return at
      open.push(mark)
      expected = mark === '{' ? 'key-or-end' : 'value-or-end'
    } else if (mark === '}' || mark === ']') {
      const isAllowed = expected === 'comma-or-end' || expected === (mark === '}' ? 'key-or-end' : 'value-or-end')
      if (!isAllowed || open.pop() !== (mark === '}' ? '{' : '[')) return at
      expected = afterValue()
    } else if (mark === ',' && expected === 'comma-or-end') expected = open.at(-1) === '{' ? 'key' : 'value'
    else if (mark === ':' && expected === 'colon') expected = 'value'
    else return at
  }
}

/** Keys that an object of this valid JSON text has twice: the parser takes the last one without a word. */
export function repeatedKeys(text: string): readonly { readonly key: string; readonly offset: number }[] {
  const found: { key: string; offset: number }[] = []
  const open: (Set<string> | null)[] = []
  token.lastIndex = 0
  for (let previous = ''; ; ) {
    const match = token.exec(text)
    if (match === null) return found
    const [whole, string, , mark] = match
    if (mark === '{' || mark === '[') open.push(mark === '{' ? new Set() : null)
    else if (mark === '}' || mark === ']') open.pop()
    else if (string !== undefined && (previous === '{' || previous === ',')) {
      const keys = open.at(-1)
      const key = JSON.parse(string) as string
      if (keys?.has(key) === true) found.push({ key, offset: match.index + whole.length - string.length })
      keys?.add(key)
    }
    previous = mark ?? ''
  }
}
