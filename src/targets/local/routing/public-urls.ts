import type { ReleaseRecord, ReleaseService, Route } from '../../../model/release.ts'
import { localSettings } from '../local-settings.ts'

/** Public addresses of a release's routes, the preferred one first: https before http, short paths before long ones. */
export function publicUrls(release: ReleaseRecord): readonly string[] {
  const routes = release.services.filter(isPublic).flatMap((service) => service.routes)
  return urlsOf(release, routes)
}

/** Those that lead to one service. */
export function urlsOfService(release: ReleaseRecord, name: string): readonly string[] {
  const service = release.services.find((each) => each.name === name)
  return service === undefined || !isPublic(service) ? [] : urlsOf(release, service.routes)
}

function isPublic({ kind }: ReleaseService): boolean {
  return kind === 'web' || kind === 'static'
}

function urlsOf(release: ReleaseRecord, routes: readonly Route[]): readonly string[] {
  const { httpPort, httpsPort } = localSettings(release).edge
  const shortFirst = routes.toSorted((a, b) => a.path.length - b.path.length)
  const urls = (scheme: 'http' | 'https', port: number | null) =>
    port === null ? [] : shortFirst.map(({ host = 'localhost', path }) => url(scheme, host, port, path))
  return [...new Set([...urls('https', httpsPort), ...urls('http', httpPort)])]
}

function url(scheme: 'http' | 'https', host: string, port: number, path: string): string {
  const standard = scheme === 'http' ? 80 : 443
  return `${scheme}://${host}${port === standard ? '' : `:${port}`}${path}`
}
