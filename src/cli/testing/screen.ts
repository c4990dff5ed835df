import { displayWidth } from '../progress/width.ts'

const ESCAPE = '\\u001b\\['
const PIECES = new RegExp(`(${ESCAPE}\\??\\d*[A-Za-z]|\\r|\\n)`)
const SEQUENCE = new RegExp(`^${ESCAPE}(\\??)(\\d*)([A-Za-z])$`)

/** A terminal as far as the live picture needs one: it wraps, scrolls, moves up, clears, hides the cursor. */
export class Screen {
  columns: number
  rows: number
  isCursorShown = true
  /** How often something was written. */
  writes = 0
  /** Lines that left the window at its top. */
  readonly scrolledAway: string[] = []
  #lines: string[] = ['']
  #row = 0
  #rest = ''

  constructor(columns: number, rows: number) {
    this.columns = columns
    this.rows = rows
  }

  /** What a person sees, without empty lines at the end. */
  get text(): readonly string[] {
    return this.#lines.join('\n').trimEnd().split('\n')
  }

  write(text: string): void {
    this.writes += 1
    const pieces = (this.#rest + text).split(PIECES)
    // A sequence may arrive in two parts.
    const last = pieces.pop() ?? ''
    const begun = last.lastIndexOf('\u001b')
    this.#rest = begun === -1 ? '' : last.slice(begun)
    for (const piece of [...pieces, begun === -1 ? last : last.slice(0, begun)]) this.#take(piece)
  }

  /** Folds lines that became too wide, as most terminals do. */
  resize(columns: number, rows: number): void {
    const above = this.#lines.slice(0, this.#row).flatMap((line) => fold(line, columns))
    const below = this.#lines.slice(this.#row).flatMap((line) => fold(line, columns))
    Object.assign(this, { columns, rows })
    this.#lines = [...above, ...below]
    this.#row = above.length
    this.#scroll()
  }

  #take(piece: string): void {
    const [, mark, count = '', name] = SEQUENCE.exec(piece) ?? []
    if (piece === '\r' || piece === '') return // every line of the picture begins at the left edge
    if (piece === '\n') this.#newLine()
    else if (name === 'A') this.#row = Math.max(0, this.#row - Number(count))
    else if (name === 'J') this.#lines = [...this.#lines.slice(0, this.#row), '']
    else if (mark === '?' && count === '25') this.isCursorShown = name === 'h'
    else if (name === undefined) this.#print(piece)
  }

  #print(text: string): void {
    const [first = '', ...more] = fold((this.#lines[this.#row] ?? '') + text, this.columns)
    this.#lines[this.#row] = first
    for (const line of more) {
      this.#newLine()
      this.#lines[this.#row] = line
    }
  }

  #newLine(): void {
    this.#row += 1
    if (this.#row === this.#lines.length) this.#lines.push('')
    this.#scroll()
  }

  #scroll(): void {
    while (this.#lines.length > this.rows) {
      this.scrolledAway.push(this.#lines.shift() ?? '')
      this.#row -= 1
    }
  }
}

function fold(line: string, columns: number): readonly string[] {
  const folded = ['']
  for (const character of line) {
    const last = folded.length - 1
    if (displayWidth(`${folded[last]}${character}`) > columns) folded.push(character)
    else folded[last] += character
  }
  return folded
}
