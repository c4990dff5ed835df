export { ApiClient, type ClientOptions, type ControlPlaneInfo, type Followed } from './client/client.ts'
export type { ControlAddress } from './client/transport.ts'
