export type { Clock, EngineContext } from './context.ts'
export { type CreateEngineOptions, createEngine, type EngineParts } from './create-engine.ts'
export type { Engine } from './engine.ts'
