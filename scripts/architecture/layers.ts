/** The files of a rule: a folder (ending in `/`) or a file, from the root of the repository. */
type Place = string

export type Layer = {
  readonly name: string
  readonly places: readonly Place[]
  /** The places in this repository that it may import from, besides its own. */
  readonly mayImport: readonly Place[]
}

/** The interfaces between the enforcement and its adapters. */
export const PORTS: Place = 'src/enforcement/ports/'

/** The layers of docs/architecture.md, from the bottom. A file belongs to the first one that matches. */
export const LAYERS: readonly Layer[] = [
  { name: 'domain', places: ['src/domain/'], mayImport: [] },
  { name: 'ports', places: [PORTS], mayImport: ['src/domain/'] },
  { name: 'parsing', places: ['src/parsing/'], mayImport: ['src/domain/'] },
  { name: 'names', places: ['src/telemetry/names.ts'], mayImport: [] },
  { name: 'enforcement', places: ['src/enforcement/'], mayImport: ['src/domain/', 'src/parsing/', PORTS] },
  // Leaves of the trail are read back from mirrors and files, so they are parsed as strictly as commands.
  { name: 'audit', places: ['src/audit/'], mayImport: ['src/domain/', 'src/parsing/', PORTS] },
  { name: 'explain', places: ['src/explain/'], mayImport: ['src/domain/', PORTS] },
  { name: 'resource types', places: ['src/resource-types/'], mayImport: ['src/domain/'] },
  { name: 'pdp adapter', places: ['src/pdp/'], mayImport: ['src/domain/', 'src/parsing/', PORTS] },
  {
    name: 'storage adapter',
    places: ['src/storage/'],
    mayImport: [
      'src/domain/',
      'src/audit/activation-trail.ts',
      'src/audit/audit-trail.ts',
      'src/audit/trail-tree.ts',
      'src/audit/stored-tree.ts',
      'src/audit/erase-person.ts',
      'src/audit/tree/',
      PORTS,
    ],
  },
  { name: 'signing adapter', places: ['src/signing/'], mayImport: ['src/domain/', 'src/parsing/', PORTS] },
  { name: 'redis', places: ['src/redis/'], mayImport: ['src/domain/', 'src/parsing/'] },
  {
    name: 'queue adapter',
    places: ['src/queue/'],
    mayImport: ['src/domain/', 'src/parsing/', 'src/redis/', 'src/telemetry/names.ts', PORTS],
  },
  {
    name: 'policy tools',
    places: ['src/policy-tools/'],
    mayImport: ['src/domain/', 'src/parsing/', 'src/process/run-program.ts', PORTS],
  },
  {
    name: 'bundle server',
    places: ['src/bundles/server/'],
    mayImport: [
      'src/domain/',
      'src/bundles/',
      'src/http/',
      'src/parsing/',
      'src/policy-tools/inspect-bundle.ts',
      'src/policy-tools/run-opa.ts',
      'src/telemetry/logger.ts',
    ],
  },
  {
    name: 'bundles',
    places: ['src/bundles/'],
    mayImport: ['src/domain/', 'src/parsing/', 'src/audit/copy-activations.ts'],
  },
  { name: 'telemetry', places: ['src/telemetry/'], mayImport: ['src/domain/', PORTS] },
  { name: 'process', places: ['src/process/'], mayImport: ['src/domain/', 'src/telemetry/logger.ts', PORTS] },
  { name: 'http', places: ['src/http/'], mayImport: ['src/domain/', 'src/telemetry/logger.ts'] },
  {
    name: 'config',
    places: ['src/config/'],
    mayImport: [
      'src/domain/',
      'src/parsing/',
      'src/pdp/',
      'src/resource-types/',
      'src/storage/database.ts',
      'src/storage/postgres-url.ts',
      'src/signing/producer-keys.ts',
      'src/redis/options.ts',
      'src/bundles/server/key-registry.ts',
      'src/bundles/server/access-tokens.ts',
    ],
  },
  // The library for upstream services. Like a composition root, it puts the parts together.
  {
    name: 'producer',
    places: ['src/producer/'],
    mayImport: [
      'src/domain/',
      'src/parsing/',
      'src/config/',
      'src/signing/',
      'src/redis/',
      'src/queue/',
      'src/resource-types/',
      'src/storage/',
      'src/telemetry/',
    ],
  },
  { name: 'devkit', places: ['devkit/'], mayImport: ['src/domain/', 'src/process/', 'src/policy-tools/'] },
  { name: 'workers', places: ['workers/'], mayImport: ['src/'] },
  // What the package offers; docs/packages.md says to whom.
  { name: 'package', places: ['exports/'], mayImport: ['src/', 'workers/'] },
  { name: 'command line', places: ['cli/'], mayImport: ['src/', 'devkit/'] },
  {
    name: 'development',
    places: ['scripts/', 'bench/'],
    mayImport: ['src/', 'workers/', 'cli/', 'devkit/', 'scripts/', 'bench/'],
  },
]

/** Packages that only these places may import. Any layer but the domain may import the others. */
export const QUARANTINE: Readonly<Record<string, readonly Place[]>> = {
  bullmq: ['src/queue/', 'bench/'],
  'bullmq-otel': ['src/queue/'],
  ioredis: ['src/redis/', 'bench/', 'scripts/'],
  // Calls that need an authority of their own, and a cap on what they read: `fetch` has neither.
  undici: ['src/pdp/', 'src/signing/key-url.ts', 'bench/'],
  opossum: ['src/pdp/'],
  kysely: ['src/storage/', 'scripts/', 'bench/'],
  pg: ['src/storage/', 'bench/'],
  '@electric-sql/pglite': ['src/storage/'],
  jose: ['src/signing/'],
  fastify: ['src/http/', 'src/bundles/server/'],
  '@opentelemetry/sdk-node': ['src/telemetry/register.ts'],
  pino: ['src/telemetry/'],
  commander: ['cli/'],
}

/** The only packages of the domain. */
export const DOMAIN_PACKAGES: readonly string[] = ['zod']

/**
 * The only files that read the environment: the entries of the composition roots, the bootstrap of the SDK, and the code
 * that starts programs of this machine, which it finds on the PATH and which inherit the rest.
 */
export const READS_ENVIRONMENT: readonly Place[] = [
  'workers/authorizer.ts',
  'workers/auditor.ts',
  'workers/healthcheck.ts',
  'workers/bundles.ts',
  'cli/jobwarden.ts',
  'src/telemetry/register.ts',
  'devkit/',
  'scripts/',
  'bench/',
]

/** Names that say nothing about what is in a file. */
export const BANNED_NAMES = /(^|\/)(index|types|utils?|helpers?|manager|common|misc)(\.ts|\/)/

/** The longest that a file may be: a longer one holds more than one idea. */
export const MAX_LINES = 300
