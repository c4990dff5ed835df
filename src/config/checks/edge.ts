import { mergeEdge } from '../merge.ts'
import type { Path } from '../path.ts'
import type { EdgeDocument, EnvironmentDocument } from '../schema.ts'
import type { Check, CheckContext } from './check.ts'

/** The project's own edge settings, and what each environment makes of them. */
export const checkEdge: Check = (context) => {
  const { document } = context
  const environments = Object.entries(document.environments ?? {})
  const differs = environments.filter(([, environment]) => environment.edge !== undefined)
  // Where every environment adds something, only the results count.
  if (differs.length < environments.length || environments.length === 0) checkOne(context, ['edge'], {})
  for (const [name, environment] of differs) checkOne(context, ['environments', name, 'edge'], environment)
}

function checkOne(context: CheckContext, at: Path, environment: EnvironmentDocument): void {
  const edge = mergeEdge(context.document, environment)
  const report = (key: string, message: string, hint: string) => {
    if (!context.isBroken([...at, key]) && !context.isBroken(['edge', key]))
      context.report([...at, key], { message, hint })
  }
  const hasHttps = typeof edge.https === 'number'
  if (hasHttps && (edge.certificates ?? []).length === 0)
    report('certificates', 'is missing: HTTPS needs at least one certificate', 'add { host, cert, key }')
  if (edge.http === false && !hasHttps)
    report('http', 'leaves users no way in: there is no HTTPS either', 'set a port for http or for https')
  if (edge.redirect === true && !hasHttps)
    report('redirect', 'has nowhere to lead: there is no HTTPS', 'set edge.https, or remove redirect')
  if (edge.redirect === true && edge.http === false)
    report('redirect', 'redirects nobody: there is no HTTP', 'set edge.http, or remove redirect')
  if (hasHttps && edge.http === edge.https)
    report('https', `is the port of HTTP too: ${edge.https}`, 'give them different ports')
  checkCertificates(at, edge, context)
}

function checkCertificates(at: Path, { certificates = [] }: EdgeDocument, context: CheckContext): void {
  const hosts = new Set<string>()
  for (const [index, { host }] of certificates.entries()) {
    if (host !== undefined && hosts.has(host))
      context.report([...at, 'certificates', index, 'host'], {
        message: 'has a certificate already',
        hint: 'keep one certificate per host',
      })
    hosts.add(host)
  }
}
