// The rows "jobwarden": the authorizer as it is.
import { loadConfig } from '../../src/config/load-config.ts'
import { tracingConfigured } from '../../src/telemetry/configured.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { startAuthorizer } from '../../workers/authorizer.ts'
import { runMeasured } from './run-measured.ts'
import { UNOBSERVED } from '../../src/telemetry/observe-all.ts'

await runMeasured((meter) => {
  const config = loadConfig(process.env)
  const log = createLogger('authorizer', config.logLevel)
  return startAuthorizer({
    config,
    log,
    tracing: tracingConfigured(process.env),
    observer: {
      ...UNOBSERVED,
      batch: (deliveries, run) => (meter.taken(deliveries.length), UNOBSERVED.batch(deliveries, run)),
    },
  })
})
