import { error, json } from '@sveltejs/kit'
import { profileOf } from '#lib/server/users.ts'
import type { RequestHandler } from './$types'

export const GET: RequestHandler = async ({ params }) => json((await profileOf(params.name)) ?? error(404, 'Nobody has this name'))
