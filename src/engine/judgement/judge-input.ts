import type { FleetInput, JudgeCapabilities, JudgedSecond } from '../../judge/index.ts'
import type { Sample } from '../../model/sample.ts'
import { WEIGHT_STEP } from '../../model/traffic-split.ts'
import type { FleetsState, TargetCapabilities } from '../../targets/target.ts'
import { patienceWith } from '../patience.ts'
import type { DeploymentRun } from '../run.ts'
import { instancesOf } from './fleet-health.ts'

/** Everything that the judge takes of the target's abilities. */
export function judgeCapabilities(capabilities: TargetCapabilities): JudgeCapabilities {
  return {
    lowestWeight: capabilities.weights === 'any' ? 0 : WEIGHT_STEP,
    // The router's own time, and up to a tick until its news are judged.
    reactionSeconds: capabilities.reactionSeconds + patienceWith(capabilities).tickMs / 1000,
    sampleSeconds: capabilities.sampleSeconds,
    sampleLagSeconds: capabilities.sampleLagSeconds,
    perInstance: capabilities.perInstance,
    assignment: capabilities.assignment,
    canLower: capabilities.canLower && capabilities.weights !== 'none',
  }
}

/** How long after its arrival a request is known at the latest. */
export function lateMs({ sampleSeconds, sampleLagSeconds }: TargetCapabilities): number {
  return (sampleSeconds - 1 + sampleLagSeconds) * 1000
}

/** What became known of both fleets in one tick. */
export function judgedSecond(
  run: DeploymentRun,
  state: FleetsState,
  known: {
    readonly at: Date
    readonly weight: number
    readonly samples: readonly Sample[]
    readonly probes: JudgedSecond['probes']
  },
): JudgedSecond {
  return {
    second: Math.floor(known.at.getTime() / 1000),
    old: fleetInput(known.samples, state, run.base?.id ?? null),
    new: fleetInput(known.samples, state, run.release.id),
    weight: known.weight,
    probes: known.probes,
  }
}

function fleetInput(samples: readonly Sample[], state: FleetsState, release: string | null): FleetInput {
  return {
    samples: samples.filter((sample) => sample.release === release),
    instances: readyInstances(state, release),
  }
}

function readyInstances(state: FleetsState, release: string | null): readonly string[] {
  return instancesOf(state, release)
    .filter((instance) => instance.state === 'ready')
    .map((instance) => instance.id)
}
