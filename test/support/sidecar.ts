import { spawn } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { childEnd } from '../../devkit/child-process.ts'
import { freePort } from '../../devkit/free-port.ts'
import { type BundleBench, KEY_OF } from './bundle-bench.ts'
import { eventually } from './ledger.ts'

export const WORKER_TOKEN = 'a-token-of-the-worker-of-32-letters'

/** An OPA with the configuration and the guard of sidecar/, once its bundle is active. */
export type Sidecar = {
  readonly url: string
  readonly diagnosticUrl: string
  /** The worker's token, in a file. */
  readonly tokenFile: string
  /** What it has written, line by line. */
  readonly lines: readonly string[]
  stop(): Promise<void>
}

/** `collector` is `host:port` of an OTLP endpoint by HTTP. */
export async function startSidecar(bench: BundleBench, collector: string): Promise<Sidecar> {
  const folder = await bench.workspace.folder('sidecar')
  const [identities, tokenFile] = [join(folder, 'identities.json'), join(folder, 'token')]
  await writeFile(identities, JSON.stringify({ worker: [WORKER_TOKEN], operator: [] }))
  await writeFile(tokenFile, WORKER_TOKEN)
  const [port, diagnosticPort] = [await freePort(), await freePort()]
  const flags =
    `run --server --addr=127.0.0.1:${port} --diagnostic-addr=127.0.0.1:${diagnosticPort} --authentication=token ` +
    '--authorization=basic --skip-version-check --log-level-request=debug --config-file=sidecar/opa.yaml ' +
    'sidecar/system/authz.rego sidecar/system/log.rego'
  const key = `--set-file=keys.${KEY_OF.production}.key=${bench.publicKeyFile('production')}`
  const args = [...flags.split(' '), key, `identities:${identities}`]
  const opa = spawn(bench.opa, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      OPA_BUNDLE: 'production',
      OPA_BUNDLE_KEY_ID: KEY_OF.production,
      OPA_BUNDLES_URL: bench.url,
      OPA_BUNDLES_TOKEN_FILE: bench.tokenFile('sidecar'),
      OPA_INSTANCE: 'tested',
      OPA_DECISION_LOG: 'true',
      OPA_TRACING: 'http',
      OPA_TRACING_ADDRESS: collector,
    },
  })
  const ended = childEnd(opa)
  const lines: string[] = []
  for (const input of [opa.stdout, opa.stderr]) createInterface({ input }).on('line', (line) => lines.push(line))
  const diagnosticUrl = `http://127.0.0.1:${diagnosticPort}`
  const stop = async () => {
    opa.kill('SIGKILL')
    await ended
  }
  bench.workspace.defer(stop)
  await eventually(async () => {
    const { ok } = await fetch(`${diagnosticUrl}/health?bundles`).catch(() => ({ ok: false }))
    return ok || undefined
  })
  return { url: `http://127.0.0.1:${port}`, diagnosticUrl, tokenFile, lines, stop }
}
