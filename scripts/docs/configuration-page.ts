import { POSTGRES_URL, SECRETS, environmentName } from '../../src/config/settings.ts'
import { contradictions } from './contradictions.ts'
import { code, generatedFrom, page, table } from './markdown.ts'
import { type Setting, readSettings } from './read-settings.ts'

/** The page on settings, from the schema of `src/config/settings.ts` and the loader's own words. */
export function configurationPage(): string {
  const secrets = SECRETS.map((secret) => code(`${environmentName(secret)}_FILE`))
  return page(
    generatedFrom('Settings in src/config/settings.ts'),
    '# Configuration',
    'Every process reads its settings from the environment, once, when it starts. All processes know all settings; ' +
      'what one has no use for, it leaves alone. An empty value means: not set.',
    'A process does not start on a wrong setting. It lists every problem at once (`JW_CONFIG_INVALID`) and ends. A ' +
      'name that begins with `JOBWARDEN_` and is not in the table is a problem too, so that a typo does not pass. ' +
      'There is no switch that accepts unsigned commands, and none that allows without a decision.',
    '## Settings',
    table(['Name', 'Default', 'Values', 'Meaning'], readSettings().map(row)),
    'A name that ends in `_MS` is in milliseconds, one in `_BYTES` in bytes.',
    '## What each process must be given',
    table(
      ['Process', 'Without a default'],
      [
        ['authorizer', '`JOBWARDEN_PRODUCER_KEYS_FILE`; `JOBWARDEN_DATABASE_URL` beside an auditor'],
        ['auditor', '`JOBWARDEN_DATABASE_URL`'],
        ['bundle server', '`JOBWARDEN_BUNDLES_DIR`, `JOBWARDEN_BUNDLES_KEYS_FILE`, `JOBWARDEN_BUNDLES_TOKENS_FILE`'],
        ['producer, `npx jobwarden enqueue`', '`JOBWARDEN_PRODUCER_KEYS_FILE`'],
        ['`npx jobwarden` with `migrate`, `denials`, `explain` or `policies history`', '`JOBWARDEN_DATABASE_URL`'],
        ['`npx jobwarden policies` with `push` or `status`', '`JOBWARDEN_BUNDLES_URL`, `JOBWARDEN_BUNDLES_TOKEN_FILE`'],
        ['`npm run demo`', 'nothing: it starts what is not named'],
      ],
    ),
    '## URLs',
    'A URL is checked whole before anything connects. In a user, a password and the name of a database `@`, `/`, `?`, ' +
      '`#` and `%` are percent-encoded: `p@ss/w` is `p%40ss%2Fw`. A password in a file of its own is written as it is.',
    table(
      ['Name', 'Form'],
      [
        [
          code('JOBWARDEN_REDIS_URL'),
          '`redis://user:password@host:6379/0`, or `rediss://` for TLS. Behind the host stands the number of the ' +
            'database; a Redis that does not have it is refused. No query.',
        ],
        [
          code('JOBWARDEN_DATABASE_URL'),
          '`postgres://user:password@host:5432/name?sslmode=verify-full`. Parameters: ' +
            `${POSTGRES_URL.parameters.map(code).join(', ')}. \`host\` is the folder of a Unix socket; [deployment.md](deployment.md#postgresql) has the modes of TLS.`,
        ],
        [code('JOBWARDEN_OPA_URL'), '`http://host:8181`, `https://host:8181` or `unix:/path/to/socket`. No more.'],
        [code('JOBWARDEN_BUNDLES_URL'), '`https://host:8383`, perhaps with a path. No user, no password, no query.'],
      ],
    ),
    '## Secrets from files',
    `These may hold a password: ${SECRETS.map((secret) => code(environmentName(secret))).join(', ')}. Each may be ` +
      `given as a file instead, whose content is the value: ${secrets.join(', ')}. Giving both is a problem. No ` +
      'message quotes the value of one of these settings, nor the content of a file.',
    'Other names that end in `_FILE` are files themselves: keys, certificates and tokens.',
    '## Settings that contradict each other',
    'Each of these is fine alone and wrong together with others:',
    contradictions()
      .map((problem) => `- ${problem}`)
      .join('\n'),
    '## Traces',
    'Traces are configured by the standard OpenTelemetry variables, which jobwarden leaves to the SDK. ' +
      '`OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` or `OTEL_TRACES_EXPORTER` turns them on; ' +
      '`OTEL_TRACES_EXPORTER=none` or `OTEL_SDK_DISABLED=true` turns them off. `OTEL_SERVICE_NAME`, ' +
      '`OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG` name the process and choose what is recorded. Unless ' +
      'something turns them on, no SDK is loaded. A wrong value turns them off and is told on standard error; it stops ' +
      'nothing. [tracing.md](tracing.md) shows what to set.',
  )
}

function row({ name, fallback, values, meaning }: Setting): string[] {
  return [code(name), fallback === undefined ? 'none' : code(fallback), values, meaning]
}
