import { loadConfig } from '../../src/config/load-config.ts'
import type { Config } from '../../src/config/settings.ts'
import { endProcess } from '../../src/process/end-process.ts'
import { type Running, refuseToStart, runProcess } from '../../src/process/run-process.ts'
import { endOnUncaught } from '../../src/process/uncaught.ts'
import { type Logger, createLogger } from '../../src/telemetry/logger.ts'
import { tracingConfigured } from '../../src/telemetry/tracing-variables.ts'

/** What every worker is started with. */
export type WorkerOptions = { readonly config: Config; readonly log: Logger; readonly tracing: boolean }

/** Runs this process as a worker with the settings of `env`, and ends it; see `runProcess` and `endProcess`. */
export async function runWorker(
  name: string,
  env: Readonly<Record<string, string | undefined>>,
  start: (options: WorkerOptions) => Promise<Running>,
  lastly?: () => Promise<void>,
): Promise<never> {
  endOnUncaught(1)
  try {
    const config = loadConfig(env)
    const log = createLogger(name, config.logLevel)
    await runProcess(log, config.shutdownGraceMs, () => start({ config, log, tracing: tracingConfigured(env) }))
  } catch (error) {
    refuseToStart(error)
  }
  return endProcess(lastly)
}
