import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openProducer } from '../../../src/producer/open-producer.ts'
import { redisOptions } from '../../../src/config/adapter-options.ts'
import { freePort } from '../../../devkit/free-port.ts'
import { startServer } from '../../../devkit/server-process.ts'
import { startRedis } from '../../../devkit/start-redis.ts'
import { connectRedis } from '../../../src/redis/connect.ts'
import { askRedis } from '../../support/ask-redis.ts'
import { PEOPLE, aCommand } from '../../support/a-command.ts'
import { type Authority, type Certificate, createAuthority } from '../../support/certificates.ts'
import { eventually, outcomesOf, trailIds } from '../../support/ledger.ts'
import { type Stack, seedDocuments, startStack } from '../../support/stack.ts'
import { startWorkers } from '../../support/workers.ts'

type Settings = Readonly<Record<string, string>>

const PRODUCER = { lifetimeMs: 600_000, tracing: false }
const NOBODY = {}
const ENDED = ['executed', 'denied']

let stack: Stack
let authority: Authority
let other: Authority
let client: Certificate

beforeAll(async () => {
  stack = await startStack()
  await seedDocuments(stack.owner)
  ;[authority, other] = await Promise.all([createAuthority(stack.workspace), createAuthority(stack.workspace)])
  client = await authority.issue('DNS:worker')
})
afterAll(() => stack.close())

type TlsRedis = { readonly port: number; readonly tlsPort: number; readonly url: string }

/** A Redis with a TLS port; the other one is for its start. */
async function startTlsRedis(name: string, clients: 'yes' | 'no', ...more: string[]): Promise<TlsRedis> {
  const { certFile, keyFile } = await authority.issue(name)
  const tlsPort = await freePort()
  const files = ['--tls-cert-file', certFile, '--tls-key-file', keyFile, '--tls-ca-cert-file', authority.caFile]
  const extraArgs = ['--tls-port', String(tlsPort), ...files, '--tls-auth-clients', clients, ...more]
  const { port } = await startRedis({ workspace: stack.workspace, extraArgs })
  return { port, tlsPort, url: `rediss://127.0.0.1:${tlsPort}` }
}

const mtls = (): Settings => ({
  JOBWARDEN_REDIS_CA_FILE: authority.caFile,
  JOBWARDEN_REDIS_CERT_FILE: client.certFile,
  JOBWARDEN_REDIS_KEY_FILE: client.keyFile,
})

/** Runs a command that is allowed and one that is not, from the producer to the trail, and tells how they ended. */
async function mainPath(settings: Settings): Promise<(string | undefined)[]> {
  const config = stack.config(settings)
  const workers = await startWorkers(config)
  const opened = await openProducer(config, PRODUCER)
  const [allowed, denied] = [aCommand(), aCommand({ user: PEOPLE.guest })]
  await opened.producer.enqueue([allowed, denied])
  const outcomes = await outcomesOf(stack.owner, [allowed.id, denied.id])
  await eventually(async () => (await trailIds(stack.owner)).includes(denied.id) || undefined)
  await opened.close()
  await workers.close()
  return [outcomes.get(allowed.id)?.outcome, outcomes.get(denied.id)?.outcome]
}

/** What a worker and a producer say of a Redis that they do not get into. */
async function refusal(settings: Settings): Promise<{ worker: string; producer: string }> {
  const config = stack.config(settings)
  const worker = await new Promise<string>((resolve) => {
    const redis = connectRedis(redisOptions(config), 'worker', ({ message }) => {
      redis.disconnect()
      resolve(message)
    })
  })
  const producer = await openProducer(config, PRODUCER).then(() => 'it was let in', String)
  return { worker, producer }
}

describe('TLS', () => {
  let redis: TlsRedis
  beforeAll(async () => {
    redis = await startTlsRedis('IP:127.0.0.1', 'no')
  })

  test('the main path runs over it when the authority is trusted', async () => {
    expect(await mainPath({ JOBWARDEN_REDIS_URL: redis.url, JOBWARDEN_REDIS_CA_FILE: authority.caFile })).toEqual(ENDED)
  })

  test.each([
    ['an authority that nobody trusts is', () => ({}), /self-signed certificate|unable to verify/],
    [
      'another authority is',
      () => ({ JOBWARDEN_REDIS_CA_FILE: other.caFile }),
      /self-signed certificate|unable to verify|signature/,
    ],
  ])('the certificate of %s refused, in words that say so', async (_who, settings, why) => {
    const { worker, producer } = await refusal({ JOBWARDEN_REDIS_URL: redis.url, ...settings() })
    expect(worker).toMatch(/^JW_REDIS_REFUSED: /)
    expect(worker).toMatch(why)
    expect(producer).toMatch(/JW_QUEUE_UNAVAILABLE: the queue did not accept the commands: /)
  })

  test('a certificate of another name is refused', async () => {
    const { url } = await startTlsRedis('DNS:elsewhere', 'no')
    const settings = { JOBWARDEN_REDIS_URL: url, JOBWARDEN_REDIS_CA_FILE: authority.caFile }
    expect((await refusal(settings)).worker).toMatch(/^JW_REDIS_REFUSED: .*IP: 127\.0\.0\.1 is not in the cert's list/)
  })

  test('a TLS file that cannot be read is named', async () => {
    const settings = { JOBWARDEN_REDIS_URL: redis.url, JOBWARDEN_REDIS_CA_FILE: '/nowhere/ca.pem' }
    await expect(openProducer(stack.config(settings), PRODUCER)).rejects.toThrow(
      /^JW_CONFIG_INVALID: the TLS file \/nowhere\/ca\.pem of Redis cannot be read/,
    )
  })
})

describe('mTLS', () => {
  let redis: TlsRedis
  beforeAll(async () => {
    redis = await startTlsRedis('IP:127.0.0.1', 'yes')
  })

  test('the main path runs over it with a client certificate', async () => {
    expect(await mainPath({ JOBWARDEN_REDIS_URL: redis.url, ...mtls() })).toEqual(ENDED)
  })

  test('without a client certificate nobody gets in', async () => {
    const settings = { JOBWARDEN_REDIS_URL: redis.url, JOBWARDEN_REDIS_CA_FILE: authority.caFile }
    expect((await refusal(settings)).worker).toMatch(/^JW_REDIS_(REFUSED|UNAVAILABLE): /)
  })

  test('a client certificate of another authority does not get in', async () => {
    const { certFile, keyFile } = await other.issue('DNS:worker')
    const settings = { ...mtls(), JOBWARDEN_REDIS_CERT_FILE: certFile, JOBWARDEN_REDIS_KEY_FILE: keyFile }
    const { worker } = await refusal({ JOBWARDEN_REDIS_URL: redis.url, ...settings })
    expect(worker).toMatch(/^JW_REDIS_(REFUSED|UNAVAILABLE): /)
  })

  test('the main path runs over it to the nodes of a Cluster', async () => {
    const node = await startTlsRedis('IP:127.0.0.1', 'yes', ...(await clusterArgs()))
    await askRedis(node.port, (each) => each.call('cluster', 'addslotsrange', '0', '16383'), NOBODY)
    await eventually(async () => {
      const info = await askRedis(node.port, (each) => each.call('cluster', 'info'), NOBODY)
      return String(info).includes('cluster_state:ok') || undefined
    })
    const ended = await mainPath({
      JOBWARDEN_REDIS_URL: '',
      JOBWARDEN_REDIS_CLUSTER: `127.0.0.1:${node.tlsPort}`,
      JOBWARDEN_REDIS_TLS: 'true',
      JOBWARDEN_QUEUE_PREFIX: '{tls}',
      ...mtls(),
    })
    expect(ended).toEqual(ENDED)
  })

  test('the main path runs over it to sentinels and to the master that they name', async () => {
    const port = await startTlsSentinel(redis.tlsPort)
    const ended = await mainPath({
      JOBWARDEN_REDIS_URL: '',
      JOBWARDEN_REDIS_SENTINELS: `127.0.0.1:${port}`,
      JOBWARDEN_REDIS_SENTINEL_NAME: 'queues',
      JOBWARDEN_REDIS_SENTINEL_TLS: 'true',
      JOBWARDEN_REDIS_TLS: 'true',
      ...mtls(),
    })
    expect(ended).toEqual(ENDED)
  })
})

async function clusterArgs(): Promise<string[]> {
  const address = ['--cluster-announce-ip', '127.0.0.1', '--cluster-port', String(await freePort())]
  return ['--cluster-enabled', 'yes', '--tls-cluster', 'yes', ...address]
}

/** A sentinel that is reached by TLS alone, and reaches the master by TLS. */
async function startTlsSentinel(master: number): Promise<number> {
  const { certFile, keyFile } = await authority.issue('IP:127.0.0.1')
  const [cwd, port] = [await stack.workspace.folder('sentinel'), await freePort()]
  const file = join(cwd, 'sentinel.conf')
  const tls = ['tls-replication yes', `tls-cert-file ${certFile}`, `tls-key-file ${keyFile}`]
  const monitor = `sentinel monitor queues 127.0.0.1 ${master} 1`
  const lines = ['port 0', `tls-port ${port}`, ...tls, `tls-ca-cert-file ${authority.caFile}`, monitor, '']
  await writeFile(file, lines.join('\n'))
  const config = stack.config({ JOBWARDEN_REDIS_URL: `rediss://127.0.0.1:${port}`, ...mtls() })
  const isReady = async () => {
    const redis = connectRedis(redisOptions(config), 'producer', () => undefined)
    try {
      return (await redis.ping()) === 'PONG'
    } finally {
      redis.disconnect()
    }
  }
  const server = await startServer({
    name: 'redis-sentinel',
    file: 'redis-server',
    args: [file, '--sentinel'],
    cwd,
    isReady,
  })
  stack.workspace.defer(() => server.stop())
  return port
}
