/** What has begun and is not over. A count and not a set of promises: those would outlive many collections of a busy process. */
export class Outstanding {
  #count = 0
  #onIdle: (() => void) | null = null

  get count(): number {
    return this.#count
  }

  add(work: Promise<void>): void {
    this.#count++
    const over = () => {
      if (--this.#count === 0) this.#onIdle?.()
    }
    work.then(over, over)
  }

  /** Resolves when nothing is outstanding; nothing is to be added from then on. */
  idle(): Promise<void> {
    return this.#count === 0
      ? Promise.resolve()
      : new Promise((resolve) => {
          this.#onIdle = resolve
        })
  }
}
