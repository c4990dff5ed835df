import type { Config, DatabaseConfig, ServiceConfig } from '../document.ts'
import type { ProjectFolder } from './project-folder.ts'

/** Recognises one kind of project by its files; null: not mine. The first detector that answers wins. */
export interface Detector {
  readonly name: string
  detect(folder: ProjectFolder): Promise<DetectedApp | null>
}

export interface DetectedApp {
  /** For people: `SvelteKit 3 with adapter-node`. */
  readonly framework: string
  /** Name of the service. */
  readonly service: string
  readonly settings: ServiceConfig
  /** What has to be done before a deployment can succeed, exactly. */
  readonly todo: readonly string[]
  /** What is good to know. */
  readonly notes: readonly string[]
}

export interface DetectedProject {
  readonly framework: string
  readonly config: Config
  readonly database: DatabaseConfig | null
  readonly todo: readonly string[]
  readonly notes: readonly string[]
}
