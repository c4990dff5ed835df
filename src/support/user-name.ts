import { userInfo } from 'node:os'
import { getuid } from 'node:process'

/** In a container the user may have a number and no name. */
export function userName(): string {
  try {
    return userInfo().username
  } catch {
    return `uid ${getuid?.() ?? '?'}`
  }
}
