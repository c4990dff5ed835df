import { phaseName } from '../model/deployment.ts'
import type { DeploymentRow } from '../store/deployments.ts'

/** Adds the time since the last change to the phase that ends now; `total` is the time since creation. */
export function recordSecondsSince(row: DeploymentRow, now: Date): Record<string, number> {
  const { total: _, ...phases } = row.seconds
  const sinceCreation = (now.getTime() - row.created_at.getTime()) / 1000
  const accounted = Object.values(phases).reduce((sum, seconds) => sum + seconds, 0)
  const phase = phaseName(row.state)
  if (phase !== null) phases[phase] = round((phases[phase] ?? 0) + Math.max(0, sinceCreation - accounted))
  return { ...phases, total: round(sinceCreation) }
}

function round(seconds: number): number {
  return Math.round(seconds * 1000) / 1000
}
