import { readFile } from 'node:fs/promises'
import { startBundleServer } from '../src/bundles/server/bundle-server.ts'
import type { BundleVerifier } from '../src/bundles/server/bundle-verifier.ts'
import { opaVerifier } from '../src/bundles/server/opa-verifier.ts'
import { loadConfig } from '../src/config/load-config.ts'
import { readBundleRegistry, readBundleTokens } from '../src/config/read-bundle-registry.ts'
import { type Config, environmentName } from '../src/config/settings.ts'
import { Failure, messageOf } from '../src/domain/failure.ts'
import { OPA_VERSION, requireOpa } from '../src/policy-tools/opa-version.ts'
import { endProcess } from '../src/process/end-process.ts'
import { type Running, refuseToStart, runProcess } from '../src/process/run-process.ts'
import { endOnUncaught } from '../src/process/uncaught.ts'
import { type Logger, createLogger } from '../src/telemetry/logger.ts'

export type BundleServerOptions = {
  readonly config: Config
  readonly log: Logger
  /** Lets tests serve what no verifier would let pass. */
  readonly verify?: BundleVerifier
}

/**
 * Starts the server that verifies bundles, serves them to sidecars, and hears what those run.
 * @throws Failure JW_CONFIG_INVALID, also when there is no OPA that is new enough
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
    verify: rest.verify ?? opaVerifier(await judge(config, log), registry),
    log,
  })
  log.info({ port: server.port, environments: [...registry.keys()] }, 'serving bundles')
  return server
}

/** A server runs the OPA that it was installed with; one that fetched or compiled its own would run what nobody chose. */
async function judge({ bundlesOpa: program }: Config, log: Logger): Promise<string> {
  try {
    log.info(`OPA ${await requireOpa(program)}: ${program}`)
    return program
  } catch (error) {
    const remedy = `install OPA ${OPA_VERSION} or newer, and name it here unless it is on the PATH`
    throw new Failure('JW_CONFIG_INVALID', `JOBWARDEN_BUNDLES_OPA: ${messageOf(error)}; ${remedy}`, { cause: error })
  }
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
