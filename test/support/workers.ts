import type { Config } from '../../src/config/settings.ts'
import type { Running } from '../../src/process/run-process.ts'
import { createLogger } from '../../src/telemetry/logger.ts'
import { type AuditorOptions, startAuditor } from '../../workers/auditor.ts'
import { type AuthorizerOptions, startAuthorizer } from '../../workers/authorizer.ts'

const log = createLogger('test', 'silent')

/** An authorizer and an auditor in this process. */
export async function startWorkers(
  config: Config,
  options: Partial<Omit<AuthorizerOptions & AuditorOptions, 'config' | 'log'>> = {},
): Promise<Running> {
  const workers = await Promise.all([
    startAuthorizer({ config, log, ...options }),
    startAuditor({ config, log, ...options }),
  ])
  return { close: async () => void (await Promise.all(workers.map((worker) => worker.close()))) }
}
