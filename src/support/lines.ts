import { StringDecoder } from 'node:string_decoder'
import { stripVTControlCharacters } from 'node:util'

/** Where the log of a build goes. */
export interface LineSink {
  add(line: string): void
}

const longestLineBytes = 8 * 1024
const longestLogBytes = 8 * 1024 * 1024

/** How a line ends that was cut, and by whom ever: what is masked has to know, for the cut may go through a secret. */
export const CUT_MARK = /… \(cut(?:: \d+ characters)?\)$/

/** The beginning of a line that is too long, and how long it was. */
export function cutLine(line: string, maxChars: number, length = line.length): string {
  return length <= maxChars ? line : `${line.slice(0, maxChars)}… (cut: ${length} characters)`
}

/** Passes lines on until the log of this build is long enough; then says so once. */
export function limitedLog(onLine: (line: string) => void): LineSink {
  let left = longestLogBytes
  return {
    add(line) {
      if (left <= 0) return
      left -= line.length + 1
      onLine(left > 0 ? line : `… the log of this build is cut here, at ${longestLogBytes / 1024 / 1024} MB`)
    },
  }
}

/** Cuts a byte stream into lines; the rest of a line above 8 kB is dropped, so memory stays bounded. */
export function boundedLines(onLine: (line: string) => void): { write(chunk: Buffer): void; end(): void } {
  const decoder = new StringDecoder('utf8')
  let current = ''
  let isCut = false

  const append = (text: string) => {
    if (isCut) return
    current += text
    if (current.length <= longestLineBytes) return
    current = `${current.slice(0, longestLineBytes)}… (cut)`
    isCut = true
  }
  const finish = () => {
    onLine(withoutControls(current))
    current = ''
    isCut = false
  }
  return {
    write(chunk) {
      const [first = '', ...rest] = decoder.write(chunk).split('\n')
      append(first)
      for (const text of rest) {
        finish()
        append(text)
      }
    },
    end() {
      append(decoder.end())
      if (current !== '') finish()
    },
  }
}

/** Progress bars rewrite their line and colours are for terminals: keep what would be seen last, plain. */
function withoutControls(line: string): string {
  const shown = line.replace(/\r$/, '').split('\r').at(-1) ?? ''
  return stripVTControlCharacters(shown)
}
