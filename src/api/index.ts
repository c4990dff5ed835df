export { type Api, createApi } from './api.ts'
export { ownerToken } from './guard.ts'
export type { ApiOptions } from './options.ts'
export { type ServedApi, serveApi } from './serve.ts'
