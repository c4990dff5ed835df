import type { ReleaseRecord } from './release.ts'

/** Public addresses of a release's routes, the preferred one first: https before http, short paths before long ones. */
export function publicUrls(release: ReleaseRecord): readonly string[] {
  const { httpPort, httpsPort } = release.edge
  const routes = release.services
    .filter(({ kind }) => kind === 'web' || kind === 'static')
    .flatMap((service) => service.routes)
    .toSorted((a, b) => a.path.length - b.path.length)
  const urls = (scheme: 'http' | 'https', port: number | null) =>
    port === null ? [] : routes.map(({ host = 'localhost', path }) => url(scheme, host, port, path))
  return [...new Set([...urls('https', httpsPort), ...urls('http', httpPort)])]
}

function url(scheme: 'http' | 'https', host: string, port: number, path: string): string {
  const standard = scheme === 'http' ? 80 : 443
  return `${scheme}://${host}${port === standard ? '' : `:${port}`}${path}`
}
