/** Which files a rule is about: a folder (ending in `/`) or a file, from the root of the repository. */
type Place = string

export type Layer = {
  readonly name: string
  readonly places: readonly Place[]
  /** Places of this repository that it may import, besides its own. */
  readonly mayImport: readonly Place[]
}

/** The interfaces between the enforcement and its adapters. They know the domain and, to observe them, cases. */
export const PORTS: readonly Place[] = [
  'src/enforcement/observer.ts',
  'src/pdp/pdp.ts',
  'src/storage/command-store.ts',
  'src/audit/audit-sink.ts',
  'src/audit/audit-trail.ts',
  'src/audit/activation-trail.ts',
  'src/signing/command-verifier.ts',
  'src/queue/delivery.ts',
  'src/resources/resource-type.ts',
]

/** The layers of docs/architecture.md. The first one that a file belongs to counts. */
export const LAYERS: readonly Layer[] = [
  { name: 'domain', places: ['src/domain/'], mayImport: [] },
  { name: 'ports', places: PORTS, mayImport: ['src/domain/', 'src/enforcement/case.ts'] },
  { name: 'json', places: ['src/json/'], mayImport: ['src/domain/'] },
  { name: 'names', places: ['src/telemetry/names.ts'], mayImport: [] },
  { name: 'batching', places: ['src/batching/'], mayImport: ['src/domain/'] },
  {
    name: 'enforcement',
    places: ['src/enforcement/'],
    mayImport: ['src/domain/', 'src/json/', 'src/batching/again.ts', 'src/telemetry/names.ts', ...PORTS],
  },
  { name: 'audit', places: ['src/audit/'], mayImport: ['src/domain/', ...PORTS] },
  { name: 'producer', places: ['src/producer/'], mayImport: ['src/domain/', 'src/telemetry/names.ts'] },
  { name: 'resources', places: ['src/resources/'], mayImport: ['src/domain/'] },
  { name: 'pdp adapter', places: ['src/pdp/'], mayImport: ['src/domain/', 'src/json/', ...PORTS] },
  { name: 'storage adapter', places: ['src/storage/'], mayImport: ['src/domain/', ...PORTS] },
  { name: 'signing adapter', places: ['src/signing/'], mayImport: ['src/domain/', ...PORTS] },
  { name: 'queue adapter', places: ['src/queue/'], mayImport: ['src/domain/', 'src/telemetry/names.ts', ...PORTS] },
  { name: 'policies', places: ['src/policies/'], mayImport: ['src/domain/', ...PORTS] },
  {
    name: 'bundles',
    places: ['src/bundles/'],
    mayImport: ['src/domain/', 'src/policies/inspect-bundle.ts', 'src/policies/run-opa.ts', 'src/telemetry/logger.ts'],
  },
  {
    name: 'telemetry',
    places: ['src/telemetry/'],
    mayImport: ['src/domain/', 'src/enforcement/case.ts', ...PORTS],
  },
  { name: 'ops', places: ['src/ops/'], mayImport: ['src/domain/', 'src/telemetry/logger.ts'] },
  {
    name: 'local servers',
    places: ['src/local/'],
    mayImport: [
      'src/domain/',
      'src/policies/bundled-files.ts',
      'src/policies/stray-files.ts',
      'src/policies/policies-refused.ts',
    ],
  },
  {
    name: 'config',
    places: ['src/config/'],
    mayImport: [
      'src/domain/',
      'src/pdp/',
      'src/storage/database.ts',
      'src/storage/postgres-url.ts',
      'src/signing/producer-keys.ts',
      'src/queue/redis-options.ts',
      'src/bundles/registry.ts',
      'src/bundles/access-tokens.ts',
    ],
  },
  {
    name: 'composition roots',
    places: ['workers/', 'producers/', 'console/', 'scripts/', 'bench/'],
    mayImport: ['src/', 'workers/', 'producers/', 'console/', 'scripts/', 'bench/'],
  },
]

/** Packages that one adapter keeps to itself. What is not named here may be imported by any layer but the domain. */
export const QUARANTINE: Readonly<Record<string, readonly Place[]>> = {
  bullmq: ['src/queue/', 'bench/'],
  'bullmq-otel': ['src/queue/'],
  ioredis: ['src/queue/', 'bench/', 'scripts/'],
  undici: ['src/pdp/', 'bench/'],
  opossum: ['src/pdp/'],
  kysely: ['src/storage/', 'scripts/', 'bench/'],
  pg: ['src/storage/', 'bench/'],
  '@electric-sql/pglite': ['src/storage/'],
  jose: ['src/signing/'],
  '@opentelemetry/sdk-node': ['src/telemetry/register.ts'],
  pino: ['src/telemetry/'],
  commander: ['console/', 'producers/'],
}

/** The only packages of the domain. */
export const DOMAIN_PACKAGES: readonly string[] = ['zod']

/**
 * The only files that read the environment: the entry lines of the composition roots, the SDK's bootstrap, and what
 * starts programs of this machine, which are found by PATH and inherit the rest.
 */
export const READS_ENVIRONMENT: readonly Place[] = [
  'workers/authorizer.ts',
  'workers/auditor.ts',
  'workers/healthcheck.ts',
  'workers/bundles.ts',
  'console/jobwarden.ts',
  'src/telemetry/register.ts',
  'src/local/',
  'scripts/',
  'bench/',
]

/** Names that say nothing of what is in a file. */
export const BANNED_NAMES = /(^|\/)(index|types|utils?|helpers?|manager|common|misc)(\.ts|\/)/

/** Files may be this long without a word; longer ones hold more than one idea. */
export const MAX_LINES = 300
