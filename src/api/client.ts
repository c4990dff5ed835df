export { ApiClient } from './client/client.ts'
