import { generateKeyPairSync } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openWorkspace, type Workspace } from '../../../devkit/workspace.ts'
import { loadConfig } from '../../../src/config/load-config.ts'
import { NO_LIMITS } from '../../../src/domain/producer-limits.ts'
import { KeyUrl } from '../../../src/signing/key-url.ts'
import { importProducerKey } from '../../../src/signing/producer-keys.ts'
import { signCommand } from '../../../src/signing/sign-command.ts'
import { createLogger } from '../../../src/telemetry/logger.ts'
import { FollowedKeys } from '../../../workers/shared/followed-keys.ts'
import { TEST_KEY, aCommand } from '../../support/a-command.ts'
import { createAuthority, readCertificate } from '../../support/certificates.ts'
import { type KeyServer, startKeyServer } from '../../support/key-server.ts'
import { eventually } from '../../support/ledger.ts'

let workspace: Workspace
let keysFile: string

const log = createLogger('test', 'silent')
const may = { ...NO_LIMITS, users: ['user_*'] }

beforeAll(async () => {
  workspace = await openWorkspace()
  keysFile = await fileOf({ keys: [TEST_KEY], served: [{ producer: 'shop', kids: ['shop-*'], may }] })
})
afterAll(() => workspace.close())

async function fileOf(content: unknown): Promise<string> {
  const file = join(await workspace.folder('keys'), 'producer-keys.json')
  await writeFile(file, JSON.stringify(content))
  return file
}

/** A key pair of a producer: what it signs with, and what is served of it. */
function keyPair(kid: string) {
  const { x = '', d = '' } = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' })
  const served = { kty: 'OKP', crv: 'Ed25519', kid, x } as const
  return { served, own: { ...served, alg: 'EdDSA', d } as const }
}
const shop = keyPair('shop-1')

/** Asks again as soon as it may: in two seconds. */
const SOON = { 'cache-control': 'max-age=1' }

function follow(url: string, settings: Readonly<Record<string, string>> = {}): Promise<FollowedKeys> {
  const env = { JOBWARDEN_PRODUCER_KEYS_FILE: keysFile, JOBWARDEN_PRODUCER_KEYS_URL: url, ...settings }
  return FollowedKeys.open(loadConfig(env), log)
}

/** What becomes of a command that the key signs: the name of its producer, or why it is refused. */
async function verified({ verifier }: FollowedKeys, { own }: ReturnType<typeof keyPair>): Promise<string> {
  const jws = await signCommand(aCommand(), 'commands', await importProducerKey(own, 'sign'))
  const verification = await verifier.verify(jws)
  return 'refused' in verification ? verification.refused.code : verification.producer
}

/** Opens what `use` needs, and closes it again. */
async function withServer(use: (server: KeyServer) => Promise<void>): Promise<void> {
  const server = await startKeyServer()
  try {
    await use(server)
  } finally {
    await server.close()
  }
}

const status =
  (code: number, headers: Readonly<Record<string, string>> = {}) =>
  (_: unknown, to: ServerResponse) =>
    void to.writeHead(code, headers).end('{"keys":[]}')
const text = (body: string) => (_: unknown, to: ServerResponse) => void to.end(body)

/** Answers that are no keys, and what the failure says of each. */
const WRONG: readonly (readonly [string, Parameters<KeyServer['answer']>[0], RegExp])[] = [
  ['hangs up', (request) => void request.socket.destroy(), /: other side closed|ECONNRESET/],
  ['answers 404', status(404), /: it answered 404$/],
  ['answers 500', status(500), /: it answered 500$/],
  ['answers 204', status(204), /: it answered 204$/],
  ['redirects', status(302, { location: 'http://127.0.0.1:1/keys' }), /: it answered 302: a redirect is not followed/],
  ['has no news for somebody who knows nothing', (_, to) => void to.writeHead(304).end(), /: it answered 304/],
  ['answers a page', text('<html>sign in</html>'), /: it does not serve a JWK Set/],
  ['answers an error as JSON', text('{"message":"no"}'), /: it does not serve a JWK Set/],
  ['serves a private key', text(JSON.stringify({ keys: [shop.own] })), /secret part \("d"\) of the key "shop-1"/],
  ['serves a secret', text(JSON.stringify({ keys: [TEST_KEY] })), /secret part \("k"\) of the key "test-producer"/],
  ['answers ten megabytes', text(' '.repeat(10_000_000)), /: it answered more than 1048576 bytes$/],
  ['never answers', () => undefined, /: it did not answer within 5000 ms$/],
  ['never ends its answer', (_, to) => void to.write('{"keys":['), /: it did not answer within 5000 ms$/],
]

describe.concurrent('a URL that', () => {
  test.each(WRONG)('%s starts no worker, and takes no key from one that runs', async (_how, answer, why) =>
    withServer(async (server) => {
      server.answer(answer)
      const refused = await follow(server.url).then(
        () => expect.unreachable('it started'),
        (error: unknown) => String(error),
      )
      const head = `JW_KEYS_UNAVAILABLE: JOBWARDEN_PRODUCER_KEYS_URL ${server.url}: `
      expect(refused).toContain(head)
      expect(refused).toMatch(why)
      expect(refused).not.toContain(shop.own.d)

      // Without an ETag, so that "no news" stays an answer to nothing.
      server.answer((_, to) => void to.writeHead(200, SOON).end(JSON.stringify({ keys: [shop.served] })))
      await using keys = await follow(server.url)
      expect(keys.figures).toEqual({ known: ['test-producer', 'shop-1'] })
      server.answer(answer)
      const problem = await eventually(async () => keys.figures.problem)
      expect(problem).toContain(head)
      expect(problem).toMatch(why)
      expect(await verified(keys, shop)).toBe('shop')
    }),
  )

  test('is back is told of no more', async () =>
    withServer(async (server) => {
      server.serve([shop.served], SOON)
      await using keys = await follow(server.url)
      server.answer(status(503))
      await eventually(async () => keys.figures.problem)
      server.serve([shop.served])
      const figures = await eventually(async () => (keys.figures.problem === undefined ? keys.figures : undefined))
      expect(figures.known).toEqual(['test-producer', 'shop-1'])
    }))

  test('is down starts no worker', async () => {
    await expect(follow('http://127.0.0.1:1/jwks.json')).rejects.toThrow(/JW_KEYS_UNAVAILABLE: .*ECONNREFUSED/)
  })

  test('serves no key that the file admits starts no worker that has no other', async () =>
    withServer(async (server) => {
      server.serve([keyPair('stranger').served])
      const file = await fileOf({ keys: [], served: [{ producer: 'shop', kids: ['shop-*'], may }] })
      await expect(follow(server.url, { JOBWARDEN_PRODUCER_KEYS_FILE: file })).rejects.toThrow(
        /JW_KEYS_UNAVAILABLE: .* serves no key that "served" of the file names/,
      )
    }))

  test('has a key, and then another in its place: each counts while it is there', async () =>
    withServer(async (server) => {
      const next = keyPair('shop-2')
      server.serve([shop.served], SOON)
      await using keys = await follow(server.url)
      expect(await verified(keys, shop)).toBe('shop')
      expect(await verified(keys, next)).toBe('unknown_producer')
      server.serve([shop.served, next.served], SOON)
      await eventually(async () => keys.figures.known.includes('shop-2') || undefined)
      expect(await Promise.all([verified(keys, shop), verified(keys, next)])).toEqual(['shop', 'shop'])
      server.serve([next.served], SOON)
      await eventually(async () => !keys.figures.known.includes('shop-1') || undefined)
      expect(await Promise.all([verified(keys, shop), verified(keys, next)])).toEqual(['unknown_producer', 'shop'])
    }))

  test('takes its last key away is believed', async () =>
    withServer(async (server) => {
      server.serve([shop.served], SOON)
      await using keys = await follow(server.url)
      server.serve([])
      await eventually(async () => !keys.figures.known.includes('shop-1') || undefined)
      expect(await verified(keys, shop)).toBe('unknown_producer')
    }))

  test('gives rights gives none, and a stranger counts for nothing', async () =>
    withServer(async (server) => {
      const stranger = keyPair('stranger')
      server.serve([{ ...shop.served, producer: 'root', may: NO_LIMITS }, stranger.served])
      await using keys = await follow(server.url)
      expect(await verified(keys, stranger)).toBe('unknown_producer')
      const jws = await signCommand(aCommand(), 'commands', await importProducerKey(shop.own, 'sign'))
      expect(await keys.verifier.verify(jws)).toMatchObject({ producer: 'shop', limits: may })
    }))

  test('is down keeps no key beyond its end in the file', async () => {
    const server = await startKeyServer()
    server.serve([shop.served], SOON)
    const until = new Date(Date.now() + 4_000).toISOString()
    const file = await fileOf({ keys: [TEST_KEY], served: [{ producer: 'shop', kids: ['shop-*'], may, until }] })
    await using keys = await follow(server.url, { JOBWARDEN_PRODUCER_KEYS_FILE: file })
    expect(await verified(keys, shop)).toBe('shop')
    await server.close()
    await eventually(async () => keys.figures.problem)
    await eventually(async () => ((await verified(keys, shop)) === 'retired_producer' ? true : undefined))
    expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(until))
  })

  test('is down does not keep an operator from ending its producer in the file', async () => {
    const server = await startKeyServer()
    server.serve([shop.served])
    const file = await fileOf({ keys: [TEST_KEY], served: [{ producer: 'shop', kids: ['shop-*'], may }] })
    await using keys = await follow(server.url, { JOBWARDEN_PRODUCER_KEYS_FILE: file })
    await server.close()
    await writeFile(file, JSON.stringify({ keys: [TEST_KEY] }))
    await eventually(async () => !keys.figures.known.includes('shop-1') || undefined)
    expect(await verified(keys, shop)).toBe('unknown_producer')
  })
})

test('what is served is asked for again only when it has changed', () =>
  withServer(async (server) => {
    server.serve([shop.served])
    await using url = KeyUrl.open({ url: server.url })
    const first = await url.ask()
    expect(await url.ask()).toBe(first)
    expect(server.asked.map(({ headers }) => headers['if-none-match'])).toEqual([
      undefined,
      expect.stringMatching(/^"/),
    ])
    server.serve([])
    expect(await url.ask()).toMatchObject({ keys: [] })
  }))

test.each([
  [undefined, 10_000],
  ['public', 10_000],
  ['max-age=20', 20_000],
  ['public, max-age=20, must-revalidate', 20_000],
  ['max-age=0', 2_000],
  ['no-store', 2_000],
  ['max-age=86400', 30_000],
  ['s-maxage=1', 10_000],
])('an answer with "cache-control: %s" is asked for again after %d ms', (cacheControl, pauseMs) =>
  withServer(async (server) => {
    server.serve([], cacheControl === undefined ? {} : { 'cache-control': cacheControl })
    await using url = KeyUrl.open({ url: server.url })
    await url.ask()
    expect(url.pauseMs).toBe(pauseMs)
  }),
)

describe('by TLS', () => {
  test('the authority that the settings name is trusted, and no other', async () => {
    const authority = await createAuthority(workspace)
    const [right, wrong] = await Promise.all([authority.issue('IP:127.0.0.1'), authority.issue('DNS:elsewhere')])
    const server = await startKeyServer(await readCertificate(right))
    const other = await startKeyServer(await readCertificate(wrong))
    try {
      for (const each of [server, other]) each.serve([shop.served])
      const trusting = { JOBWARDEN_PRODUCER_KEYS_CA_FILE: authority.caFile }
      await using keys = await follow(server.url, trusting)
      expect(await verified(keys, shop)).toBe('shop')
      await expect(follow(server.url)).rejects.toThrow(/JW_KEYS_UNAVAILABLE: .*certificate/)
      await expect(follow(other.url, trusting)).rejects.toThrow(/JW_KEYS_UNAVAILABLE: .*altnames/)
    } finally {
      await Promise.all([server.close(), other.close()])
    }
  })

  test('an authority whose file is missing is a wrong setting', async () => {
    const settings = { JOBWARDEN_PRODUCER_KEYS_CA_FILE: join(workspace.path, 'missing.pem') }
    await expect(follow('https://127.0.0.1:1/', settings)).rejects.toThrow(
      /JW_CONFIG_INVALID: the TLS file .*missing.pem of JOBWARDEN_PRODUCER_KEYS_URL cannot be read/,
    )
  })
})

test('a file that admits keys of a URL needs one', async () => {
  const config = loadConfig({ JOBWARDEN_PRODUCER_KEYS_FILE: keysFile })
  await expect(FollowedKeys.open(config, log)).rejects.toThrow(
    /JW_CONFIG_INVALID: .*\n {2}served: JOBWARDEN_PRODUCER_KEYS_URL has to name/,
  )
})
