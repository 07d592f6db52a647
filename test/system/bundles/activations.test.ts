import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { BundleReport } from '../../../src/bundles/server/status-report.ts'
import type { BundleVerifier } from '../../../src/bundles/server/bundle-verifier.ts'
import { Environment } from '../../../src/bundles/server/environment.ts'
import { Sidecars } from '../../../src/bundles/server/sidecars.ts'
import type { Activation } from '../../../src/domain/activation.ts'
import { type Workspace, openWorkspace } from '../../../devkit/workspace.ts'
import { type Database, openEmbedded } from '../../../src/storage/database.ts'
import { migrate } from '../../../src/storage/migrate.ts'
import { PolicyActivations } from '../../../src/storage/trail/policy-activations.ts'
import { openProducer } from '../../../src/producer/open-producer.ts'
import { PEOPLE, aCommand } from '../../support/a-command.ts'
import { openBundleBench } from '../../support/bundle-bench.ts'
import { eventually, trailIds } from '../../support/ledger.ts'
import { runCli } from '../../support/run-cli.ts'
import { type Stack, startStack } from '../../support/stack.ts'
import { startWorkers } from '../../support/workers.ts'

describe('what sidecars were seen to run', () => {
  let workspace: Workspace
  let environment: Environment
  let sidecars: Sidecars
  const clock = { now: Date.parse('2026-01-01T00:00:00Z') }

  beforeEach(async () => {
    workspace = await openWorkspace()
    await open()
  })
  afterEach(async () => {
    await close()
    await workspace.close()
  })

  async function open() {
    environment = await Environment.open(workspace.path, 'production')
    sidecars = await Sidecars.open(workspace.path, environment, () => clock.now)
  }

  async function close() {
    await sidecars.close()
    await environment.close()
  }

  /** Serves bytes as a revision, as if a key had signed them. */
  async function serve(revision: string, signedBy = 'ops', bytes = `${revision} by ${signedBy}`) {
    const verify: BundleVerifier = async () => ({ revision, signedBy, contentDigest: `sha256:${'0'.repeat(64)}` })
    await environment.push(Buffer.from(bytes), 'pipeline', verify)
  }

  const running = (revision: string, activatedAt: string): BundleReport => ({ running: { revision, activatedAt } })
  const seen = () => sidecars.activations.map(({ sidecar, revision, signedBy }) => `${sidecar} ${revision} ${signedBy}`)
  const states = () => sidecars.status().map(({ sidecar, state }) => `${sidecar} ${state}`)

  test('the first report of a release by a sidecar is recorded, and the same again is not', async () => {
    await serve('r1')
    expect(await sidecars.hear('a', running('r1', 't1'))).toMatchObject({
      sidecar: 'a',
      revision: 'r1',
      activatedAt: 't1',
    })
    expect(await sidecars.hear('a', running('r1', 't1'))).toBeUndefined()
    await Promise.all([sidecars.hear('b', running('r1', 't2')), sidecars.hear('b', running('r1', 't2'))])
    expect(seen()).toEqual(['a r1 ops', 'b r1 ops'])
    expect(states()).toEqual(['a current', 'b current'])
  })

  test('a bundle that was pushed again after another is a release of its own', async () => {
    await serve('r1')
    await sidecars.hear('a', running('r1', 't1'))
    await serve('r2')
    expect(states()).toEqual(['a behind'])
    await sidecars.hear('a', running('r2', 't2'))
    await serve('r1')
    await sidecars.hear('a', running('r1', 't3'))
    expect(seen()).toEqual(['a r1 ops', 'a r2 ops', 'a r1 ops'])
    expect(states()).toEqual(['a current'])
  })

  test('a sidecar that refuses the same policies under another key is not taken to run them, across a restart too', async () => {
    await serve('r1', 'old-key')
    await sidecars.hear('a', running('r1', 't1'))
    await serve('r1', 'new-key')
    const refuses = { ...running('r1', 't1'), error: { code: 'bundle_error', message: 'no such key' } }
    await sidecars.hear('a', refuses)
    await close()
    await open()
    await sidecars.hear('a', refuses)
    expect(seen()).toEqual(['a r1 old-key'])
    expect(sidecars.status()).toMatchObject([
      { state: 'failing', signedBy: 'old-key', error: { message: 'no such key' } },
    ])
    await sidecars.hear('a', running('r1', 't2'))
    expect(seen()).toEqual(['a r1 old-key', 'a r1 new-key'])
    expect(states()).toEqual(['a current'])
  })

  test('a sidecar that runs what was never served is behind, and nothing is recorded', async () => {
    await serve('r1')
    await sidecars.hear('a', running('of its own', 't1'))
    await sidecars.hear('b', {})
    expect(states()).toEqual(['a behind', 'b behind'])
    expect(seen()).toEqual([])
  })

  test('a sidecar that stops reporting is silent after five minutes, and forgotten after a day', async () => {
    await serve('r1')
    await sidecars.hear('a', running('r1', 't1'))
    clock.now += 301_000
    expect(states()).toEqual(['a silent'])
    clock.now += 86_400_000
    expect(states()).toEqual([])
  })
})

describe('activations in the audit trail', () => {
  let stack: Stack
  let embedded: Database

  beforeAll(async () => {
    stack = await startStack()
    embedded = openEmbedded()
    await migrate(embedded)
  })
  afterAll(async () => {
    await embedded.destroy()
    await stack.close()
  })

  const sha = (digit: string) => `sha256:${digit.repeat(64)}`
  const anActivation = (wanted: Partial<Activation> = {}): Activation => ({
    bundle: 'production',
    revision: 'r1',
    digest: sha('1'),
    contentDigest: sha('a'),
    signedBy: 'ops-2026',
    author: 'Ann <ann@example.org>',
    commit: 'c0ffee',
    committedAt: '2026-01-01T10:00:00+02:00',
    pushedAt: '2026-01-01T09:00:00.000Z',
    pushedBy: 'pipeline',
    sidecar: 'a',
    activatedAt: '2026-01-01T09:00:01Z',
    seenAt: '2026-01-01T09:00:02.000Z',
    ...wanted,
  })

  test.each([
    ['PostgreSQL', () => stack.owner],
    ['PGlite', () => embedded],
  ])('keep the first sighting of each release, however often they are appended, on %s', async (_name, database) => {
    const trail = new PolicyActivations(database())
    const {
      author: _author,
      commit: _commit,
      committedAt: _committedAt,
      ...uncommitted
    } = anActivation({ bundle: 'staging' })
    const all = [
      anActivation(),
      anActivation({ sidecar: 'b', seenAt: '2026-01-01T08:00:00.000Z' }),
      anActivation({ pushedAt: '2026-01-02T09:00:00.000Z', seenAt: '2026-01-02T09:00:02.000Z' }),
      uncommitted,
    ]
    expect(await trail.append(all)).toBe(3)
    expect(await trail.append(all)).toBe(0)
    expect(await trail.list(10)).toMatchObject([
      { bundle: 'staging', author: null, commit: null, committed_at: null },
      { bundle: 'production', pushed_at: new Date('2026-01-02T09:00:00Z') },
      {
        bundle: 'production',
        revision: 'r1',
        digest: sha('1'),
        signed_by: 'ops-2026',
        author: 'Ann <ann@example.org>',
        commit: 'c0ffee',
        committed_at: new Date('2026-01-01T08:00:00Z'),
        pushed_at: new Date('2026-01-01T09:00:00Z'),
        pushed_by: 'pipeline',
        first_seen_at: new Date('2026-01-01T09:00:02Z'),
        first_seen_by: 'a',
      },
    ])
    expect(await trail.list(1, 'production')).toMatchObject([{ pushed_at: new Date('2026-01-02T09:00:00Z') }])
  })

  test('are listed by `jobwarden policies history` as the reader role', async () => {
    const history = (...flags: readonly string[]) =>
      runCli('cli/jobwarden.ts', ['policies', 'history', ...flags], { env: stack.env() })
    const { status, stdout } = await history('production')
    expect(status).toBe(0)
    const [head, ...rows] = stdout.trimEnd().split('\n')
    expect(head).toMatch(/^first seen +environment +revision +author +signed by +pushed +pushed by +seen by$/)
    expect(rows).toHaveLength(2)
    expect(rows[0]).toMatch(
      /^2026-01-02 09:00:02 +production +r1 +Ann <ann@example\.org> +ops-2026 +2026-01-02 09:00:00 +pipeline +a$/,
    )
    const json = await history('--json', '--limit', '1')
    expect(JSON.parse(json.stdout)).toMatchObject({ bundle: 'staging', digest: sha('1'), first_seen_by: 'a' })
    expect((await history('elsewhere')).stdout).toBe('no activations\n')
  })

  test('wait while the bundle server is away, and denials do not', async () => {
    await sql`truncate audit.policy_activations`.execute(stack.owner)
    const bench = await openBundleBench(stack.workspace)
    const config = stack.config({
      JOBWARDEN_BUNDLES_URL: bench.url,
      JOBWARDEN_BUNDLES_TOKEN_FILE: bench.tokenFile('auditor'),
      JOBWARDEN_SWEEP_MS: '100',
    })
    const workers = await startWorkers(config)
    const queue = await openProducer(config, { lifetimeMs: 600_000, tracing: false })
    const denied = aCommand({ user: PEOPLE.guest })
    await queue.producer.enqueue([denied])
    await eventually(async () => ((await trailIds(stack.owner)).includes(denied.id) ? true : undefined))
    const server = await bench.start()
    try {
      await bench.push(await bench.make({ revision: 'r1' }))
      const report = {
        labels: { id: 'a' },
        bundles: { production: { active_revision: 'r1', last_successful_activation: 't1' } },
      }
      const headers = { authorization: `Bearer ${bench.token('sidecar')}` }
      await fetch(`${bench.url}/status`, { method: 'POST', headers, body: JSON.stringify(report) })
      const [record] = await eventually(async () => {
        const records = await new PolicyActivations(stack.owner).list(10)
        return records.length > 0 ? records : undefined
      })
      expect(record).toMatchObject({
        bundle: 'production',
        revision: 'r1',
        signed_by: 'ops-production',
        first_seen_by: 'a',
      })
    } finally {
      await queue.close()
      await workers.close()
      await server.close()
    }
  })
})
