import { POSTGRES_URL, SECRETS, environmentName } from '../../src/config/settings.ts'
import { contradictions } from './contradictions.ts'
import { code, generatedFrom, page, table } from './markdown.ts'
import { type Setting, readSettings } from './read-settings.ts'

/** The page on settings, from the schema of `src/config/settings.ts` and the messages of the loader. */
export function configurationPage(): string {
  const secrets = SECRETS.map((secret) => code(`${environmentName(secret)}_FILE`))
  return page(
    generatedFrom('Settings in src/config/settings.ts'),
    '# Configuration',
    'Every process reads its settings from the environment once, when it starts. All processes know all settings, and ' +
      'ignore those that they do not use. An empty value means that the setting is not given.',
    'A process does not start with a wrong setting. It lists all problems at once (`JW_CONFIG_INVALID`) and ends. A ' +
      'name that begins with `JOBWARDEN_` and is not in the table is a problem too, so that typos are found. ' +
      'No switch accepts unsigned commands, and none allows anything without a decision.',
    '## Settings',
    table(['Name', 'Default', 'Values', 'Meaning'], readSettings().map(row)),
    'A name that ends in `_MS` is in milliseconds, one in `_BYTES` in bytes.',
    '## Settings that each process needs',
    table(
      ['Process', 'Settings without a default'],
      [
        ['authorizer', '`JOBWARDEN_PRODUCER_KEYS_FILE`; `JOBWARDEN_DATABASE_URL` beside an auditor'],
        ['auditor', '`JOBWARDEN_DATABASE_URL`'],
        ['bundle server', '`JOBWARDEN_BUNDLES_DIR`, `JOBWARDEN_BUNDLES_KEYS_FILE`, `JOBWARDEN_BUNDLES_TOKENS_FILE`'],
        ['producer, `npx jobwarden enqueue`', '`JOBWARDEN_PRODUCER_KEYS_FILE`'],
        [
          '`npx jobwarden` with `migrate`, `denials`, `explain`, `audit` or `policies history`',
          '`JOBWARDEN_DATABASE_URL`',
        ],
        ['`npx jobwarden policies` with `push` or `status`', '`JOBWARDEN_BUNDLES_URL`, `JOBWARDEN_BUNDLES_TOKEN_FILE`'],
        ['`npm run demo`', 'none: it starts the servers that are not named'],
      ],
    ),
    '## URLs',
    'All of a URL is checked before anything connects. In a user, a password and the name of a database `@`, `/`, `?`, ' +
      '`#` and `%` must be percent-encoded: `p@ss/w` is `p%40ss%2Fw`. A password in its own file is written as it is.',
    table(
      ['Name', 'Form'],
      [
        [
          code('JOBWARDEN_REDIS_URL'),
          '`redis://user:password@host:6379/0`, or `rediss://` for TLS. The number of the database follows the host; a Redis ' +
            'that does not have this database is refused. No query.',
        ],
        [
          code('JOBWARDEN_DATABASE_URL'),
          '`postgres://user:password@host:5432/name?sslmode=verify-full`. Parameters: ' +
            `${POSTGRES_URL.parameters.map(code).join(', ')}. \`host\` is the folder of a Unix socket; [deployment.md](deployment.md#postgresql) has the modes of TLS.`,
        ],
        [
          code('JOBWARDEN_OPA_URL'),
          '`http://host:8181`, `https://host:8181` or `unix:/path/to/socket`, and nothing else.',
        ],
        [
          code('JOBWARDEN_PRODUCER_KEYS_URL'),
          '`https://host/path/jwks.json`, or `http://` to this machine. No user, no password, no query.',
        ],
        [code('JOBWARDEN_BUNDLES_URL'), '`https://host:8383`, perhaps with a path. No user, no password, no query.'],
      ],
    ),
    '## Secrets from files',
    `These may hold a password: ${SECRETS.map((secret) => code(environmentName(secret))).join(', ')}. Instead, each may ` +
      `be given as a file whose content is the value: ${secrets.join(', ')}. Giving both is a problem. No ` +
      'message quotes the value of one of these settings, or the content of a file.',
    'Other names that end in `_FILE` always name files: keys, certificates and tokens.',
    '## Settings that contradict each other',
    'Each of these is fine alone and wrong together with another:',
    contradictions()
      .map((problem) => `- ${problem}`)
      .join('\n'),
    '## Traces',
    'The standard OpenTelemetry variables configure traces; jobwarden leaves them to the SDK. ' +
      '`OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` or `OTEL_TRACES_EXPORTER` turns them on; ' +
      '`OTEL_TRACES_EXPORTER=none` or `OTEL_SDK_DISABLED=true` turns them off. `OTEL_SERVICE_NAME`, ' +
      '`OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG` name the process and choose what is recorded. Unless ' +
      'something turns them on, no SDK is loaded. A wrong value turns them off, with a line on standard error, and stops ' +
      'nothing else. [tracing.md](tracing.md) shows what to set.',
  )
}

function row({ name, fallback, values, meaning }: Setting): string[] {
  return [code(name), fallback === undefined ? 'none' : code(fallback), values, meaning]
}
