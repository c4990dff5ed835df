export { createEngine, type WorkflowsDecorator } from './create-engine.ts'
