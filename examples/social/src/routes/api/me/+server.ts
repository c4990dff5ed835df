import { json } from '@sveltejs/kit'
import { requireUser } from '#lib/server/api.ts'
import type { RequestHandler } from './$types'

export const GET: RequestHandler = ({ locals }) => json(requireUser(locals))
