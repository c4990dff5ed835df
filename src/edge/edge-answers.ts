/** What the edge itself answers; told apart from the application's answers by the header `x-sluice-error: <code>`. */
export const edgeAnswers = {
  BAD_REQUEST: { status: 400, message: 'The request is malformed.' },
  ROUTE_NOT_FOUND: { status: 404, message: 'Nothing is served at this address.' },
  FILE_NOT_FOUND: { status: 404, message: 'There is no such file.' },
  RELEASE_UNKNOWN: { status: 404, message: 'The release asked for does not run here.' },
  REQUEST_TIMEOUT: { status: 408, message: 'The request took too long to arrive.' },
  BODY_TOO_LARGE: { status: 413, message: 'The request body is too large.' },
  HEADERS_TOO_LARGE: { status: 431, message: 'The request head is too large.' },
  APP_UNREACHABLE: { status: 502, message: 'The application did not answer.' },
  NO_INSTANCE: { status: 503, message: 'The application is starting. Try again in a moment.' },
  HOLD_QUEUE_FULL: { status: 503, message: 'Too many requests are waiting. Try again in a moment.' },
  HOLD_TIMEOUT: { status: 503, message: 'The application did not become ready in time. Try again in a moment.' },
  MAINTENANCE: { status: 503, message: 'Under maintenance. Please come back soon.' },
  APP_TIMEOUT: { status: 504, message: 'The application took too long to answer.' },
} as const satisfies Record<string, { readonly status: number; readonly message: string }>

export type EdgeAnswerCode = keyof typeof edgeAnswers

/** A page for people, a document for programs. */
export function edgeAnswerBody(
  code: EdgeAnswerCode,
  accept: string | undefined,
): { readonly contentType: string; readonly text: string } {
  const { status, message } = edgeAnswers[code]
  if (!accept?.includes('text/html')) {
    return { contentType: 'application/json', text: `${JSON.stringify({ status, code, message })}\n` }
  }
  const style = 'font:16px/1.5 system-ui,sans-serif;display:grid;place-content:center;min-height:90vh;text-align:center'
  const head = `<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${message}</title>`
  return {
    contentType: 'text/html;charset=utf-8',
    text: `<!doctype html>${head}<body style="${style}"><p>${message}</p><small>${status} ${code}</small></body>\n`,
  }
}
