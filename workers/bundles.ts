import { readFile } from 'node:fs/promises'
import { startBundleServer } from '../src/bundles/bundle-server.ts'
import type { BundleVerifier } from '../src/bundles/bundle-verifier.ts'
import { opaVerifier } from '../src/bundles/opa-verifier.ts'
import { loadConfig } from '../src/config/load-config.ts'
import { readBundleRegistry, readBundleTokens } from '../src/config/read-bundle-registry.ts'
import { type Config, environmentName } from '../src/config/settings.ts'
import { Failure, messageOf } from '../src/domain/failure.ts'
import { obtainOpa } from '../src/local/obtain-opa.ts'
import { endProcess } from '../src/ops/end-process.ts'
import { type Running, refuseToStart, runProcess } from '../src/ops/run-process.ts'
import { endOnUncaught } from '../src/ops/uncaught.ts'
import { type Logger, createLogger } from '../src/telemetry/logger.ts'

export type BundleServerOptions = {
  readonly config: Config
  readonly log: Logger
  /** Lets tests serve what no verifier would let pass. */
  readonly verify?: BundleVerifier
}

/**
 * Starts the server that verifies bundles, serves them to sidecars, and hears what those run.
 * @throws Failure JW_CONFIG_INVALID; Error when there is no OPA
 */
export async function startBundles({ config, log, ...rest }: BundleServerOptions): Promise<Running & { port: number }> {
  const dir = required(config, 'bundlesDir', 'name the folder for bundles; it has to outlive the process')
  const keysFile = required(config, 'bundlesKeysFile', 'name the file of the environments and their public keys')
  const tokensFile = required(config, 'bundlesTokensFile', 'name the file of the tokens')
  const registry = await readBundleRegistry(keysFile)
  const server = await startBundleServer({
    host: config.bundlesHost,
    port: config.bundlesPort,
    tls: await readTls(config),
    dir,
    environments: [...registry.keys()],
    tokens: await readBundleTokens(tokensFile, registry),
    verify: rest.verify ?? opaVerifier((await obtainOpa({ say: (line) => log.info(line) })).path, registry),
    log,
  })
  log.info({ port: server.port, environments: [...registry.keys()] }, 'serving bundles')
  return server
}

function required(
  config: Config,
  setting: 'bundlesDir' | 'bundlesKeysFile' | 'bundlesTokensFile',
  what: string,
): string {
  const value = config[setting]
  if (value !== undefined) return value
  throw new Failure('JW_CONFIG_INVALID', `${environmentName(setting)}: ${what}; docs/policy-bundles.md has more`)
}

async function readTls({ bundlesTlsCertFile: certFile, bundlesTlsKeyFile: keyFile }: Config) {
  if (certFile === undefined || keyFile === undefined) return undefined
  try {
    const [cert, key] = await Promise.all([readFile(certFile), readFile(keyFile)])
    return { cert, key }
  } catch (error) {
    const why = messageOf(error)
    throw new Failure('JW_CONFIG_INVALID', `JOBWARDEN_BUNDLES_TLS_CERT_FILE or its key: ${why}`, { cause: error })
  }
}

if (import.meta.main) {
  endOnUncaught(1)
  try {
    const config = loadConfig(process.env)
    const log = createLogger('bundles', config.logLevel)
    await runProcess(log, config.shutdownGraceMs, () => startBundles({ config, log }))
  } catch (error) {
    refuseToStart(error)
  }
  await endProcess()
}
