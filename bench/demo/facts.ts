/** What the demonstration promised to show. It succeeded when every fact was seen. */
export class Facts {
  readonly #facts: { readonly text: string; readonly seen: boolean; readonly detail: string }[] = []

  check(text: string, seen: boolean, detail = ''): void {
    this.#facts.push({ text, seen, detail })
  }

  get allSeen(): boolean {
    return this.#facts.length > 0 && this.#facts.every(({ seen }) => seen)
  }

  /** One line each. */
  lines(): readonly string[] {
    return this.#facts.map(({ text, seen, detail }) => {
      return `${seen ? 'seen    ' : 'NOT SEEN'} ${text}${detail === '' || seen ? '' : ` (${detail})`}`
    })
  }
}
