/** Where to connect and which host to name. */
export interface Endpoint {
  /** Origin that is really connected to. */
  readonly origin: string
  /** Value of the Host header. */
  readonly host: string
  readonly secure: boolean
}

/** Not every resolver knows names below `.localhost`: they are loopback by definition, so the name need not be looked up. */
export function endpointOf(target: string): Endpoint {
  const url = new URL(target)
  const local = url.hostname === 'localhost' || url.hostname.endsWith('.localhost')
  const port = url.port === '' ? '' : `:${url.port}`
  return {
    origin: local ? `${url.protocol}//127.0.0.1${port}` : url.origin,
    host: url.host,
    secure: url.protocol === 'https:',
  }
}
