/** For services that start an authorizer or an auditor in their own process, with their own resource types. */
export { loadConfig } from '../src/config/load-config.ts'
export type { Config } from '../src/config/settings.ts'
export { Failure, type FailureCode } from '../src/domain/failure.ts'
export type { Running } from '../src/process/run-process.ts'
export { type Logger, createLogger } from '../src/telemetry/logger.ts'
export { type AuditorOptions, startAuditor } from '../workers/auditor.ts'
export { type AuthorizerOptions, startAuthorizer } from '../workers/authorizer.ts'
