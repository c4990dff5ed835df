/**
 * A count that covers several seconds belongs to all of them: calls `visit` for each stretch of `width` seconds (numbered from
 * `origin`) that the seconds from `from` on touch, with the share of them that lies in it. The shares add up to one.
 */
export function spread(
  from: number,
  seconds: number,
  { origin, width }: { readonly origin: number; readonly width: number },
  visit: (index: number, share: number) => void,
): void {
  const first = Math.floor((from - origin) / width)
  const last = Math.floor((from + seconds - 1 - origin) / width)
  if (last <= first) return visit(first, 1)
  for (let index = first; index <= last; index++) {
    const start = Math.max(from, origin + index * width)
    const end = Math.min(from + seconds, origin + (index + 1) * width)
    visit(index, (end - start) / seconds)
  }
}
