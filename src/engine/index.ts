export type { EngineContext } from './context.ts'
export { type CreateEngineOptions, createEngine, type EngineParts, type WorkflowsDecorator } from './create-engine.ts'
export type { Engine } from './engine.ts'
