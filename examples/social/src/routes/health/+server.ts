import { databaseAnswers } from '#lib/server/database.ts'
import { isStopping } from '#lib/server/lifecycle.ts'

export async function GET(): Promise<Response> {
  if (isStopping()) return Response.json({ status: 'stopping' }, { status: 503 })
  if (!(await databaseAnswers(2000))) return Response.json({ status: 'no database' }, { status: 503 })
  return Response.json({ status: 'ok' })
}
