export { type Api, createApi } from './api.ts'
export type { ApiOptions } from './options.ts'
export { type ServedApi, serveApi } from './serve.ts'
