import { setTimeout as sleep } from 'node:timers/promises'
import { environment, scenarios } from '../../e2e/crash/scenarios.ts'
import { nextControlPlane, type Resumption, servingRelease } from '../../e2e/crash/watch.ts'
import type { Installation } from '../../e2e/support/installation.ts'

export interface RandomReport {
  readonly kills: number
  readonly deployments: number
  readonly outcomes: Readonly<Record<string, number>>
  readonly resumptions: readonly Resumption[]
}

/** Deployments by all strategies in turn while the control plane is killed at random moments, several times in each. */
export async function killAtRandom(
  place: Installation,
  kills: number,
  say: (line: string) => void,
): Promise<RandomReport> {
  const strategies = scenarios.slice(0, 3).map(({ strategy }) => strategy)
  const outcomes: Record<string, number> = {}
  const resumptions: Resumption[] = []
  let done = 0
  let deployments = 0
  while (done < kills) {
    await place.setStrategy(environment, strategies[deployments % strategies.length])
    await place.commit()
    const before = await servingRelease(place)
    let isOver = false
    // The command line itself brings the control plane back when it dies.
    const deploying = place.sluice('deploy', environment).finally(() => (isOver = true))
    while (!isOver && done < kills) {
      await sleep(Math.random() * 1800)
      const pid = await place.controlPid()
      if (isOver || pid === null || !kill(pid)) continue
      done++
      const resumption = await nextControlPlane(place, pid, Date.now(), () => isOver)
      if (resumption !== null) resumptions.push(resumption)
    }
    const { document } = await deploying
    deployments++
    const status = String(document.status)
    const serves = await servingRelease(place)
    const isRight = status === 'succeeded' ? serves === document.release : serves === before
    const key = isRight ? status : `WRONG: ${status}, but ${serves} serves`
    outcomes[key] = (outcomes[key] ?? 0) + 1
    if (status !== 'succeeded') say(JSON.stringify(document).slice(0, 600))
  }
  return { kills: done, deployments, outcomes, resumptions }
}

function kill(pid: number): boolean {
  try {
    process.kill(pid, 'SIGKILL')
    return true
  } catch {
    return false
  }
}
