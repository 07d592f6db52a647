// The rows "jobwarden": the authorizer as it is. It sends its last spans when it stops.
import { endTraces } from '../../src/telemetry/register.ts'
import { loadConfig } from '../../src/config/load-config.ts'
import { tracingConfigured } from '../../src/telemetry/tracing-variables.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { startAuthorizer } from '../../workers/authorizer.ts'
import { runMeasured } from './run-measured.ts'
import { UNOBSERVED } from '../../src/telemetry/observe-all.ts'

await runMeasured(async (meter) => {
  const config = loadConfig(process.env)
  const log = createLogger('authorizer', config.logLevel)
  const running = await startAuthorizer({
    config,
    log,
    tracing: tracingConfigured(process.env),
    observer: {
      ...UNOBSERVED,
      batch: (deliveries, run) => (meter.taken(deliveries.length), UNOBSERVED.batch(deliveries, run)),
    },
  })
  return {
    close: async () => {
      await running.close()
      await endTraces()
    },
  }
})
