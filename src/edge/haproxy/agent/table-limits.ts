import { type Problem, SluiceError } from '../../../model/error.ts'
import type { RouteTable } from '../../edge.ts'

/** What HAProxy's maps cannot hold: keys end at white space, values at the end of the line. */
export function assertExpressible(table: RouteTable): void {
  const problems: Problem[] = []
  const lineOf = (path: string, text: string) => {
    if (/[\r\n\0]/.test(text) || text !== text.trim())
      problems.push({ path, message: 'must be one line without spaces around' })
  }
  lineOf('split.salt', table.split.salt)
  lineOf('previewKey', table.previewKey)
  table.releases.forEach((release, r) =>
    release.services.forEach((service, s) => {
      const at = `releases[${r}].services[${s}]`
      service.routes.forEach((route, index) => {
        if (/[\s|]/.test(route.path))
          problems.push({ path: `${at}.routes[${index}].path`, message: 'must not hold spaces' })
      })
      if (/\s/.test(service.health.path ?? ''))
        problems.push({ path: `${at}.health.path`, message: 'must not hold spaces' })
    }),
  )
  if (problems.length === 0) return
  throw new SluiceError('EDGE_REFUSED_TABLE', `HAProxy cannot express the route table of ${table.environment}`, {
    problems,
  })
}
