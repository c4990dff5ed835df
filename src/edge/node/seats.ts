/** Who may sit in `Seats`: it keeps its place for them, so that leaving costs no search. */
export interface Seated {
  /** -1: in none. */
  seat: number
}

/**
 * What is there now, in no order. Not a `Set`: a Set that members enter and leave all the time throws its table away
 * every few of them, and V8 links each old table to the next one. Once one of them is in the old generation, all that
 * came after, with the requests that they held, outlive every collection but a full one: measured as 20 to 80 ms per
 * collection where 1 to 2 ms are enough.
 */
export class Seats<T extends Seated> {
  readonly #members: T[] = []

  get size(): number {
    return this.#members.length
  }

  add(member: T): void {
    if (member.seat >= 0) return
    member.seat = this.#members.length
    this.#members.push(member)
  }

  delete(member: T): void {
    const { seat } = member
    if (seat < 0) return
    member.seat = -1
    const last = this.#members.pop()
    if (last === undefined || last === member) return
    this.#members[seat] = last
    last.seat = seat
  }

  /** Those of now; who leaves meanwhile is still among them. */
  all(): readonly T[] {
    return this.#members.slice()
  }
}
