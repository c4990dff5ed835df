export { type Api, createApi } from './api.ts'
export { type Door, ownerToken } from './guard.ts'
export { type CertificatePair, type ServedApi, serveApi } from './serve.ts'
