import { type Disposition, FAILURES } from '../../src/domain/failure.ts'
import { ATTEMPTS } from '../../src/queue/untrusting-worker.ts'
import { code, generatedFrom, page, table } from './markdown.ts'

/** What each disposition means for a job; `consume` and `isolateFailures` implement it. */
const EFFECTS = {
  delay:
    'The job goes back to the queue and waits for a random time, which grows with every try, to 5 seconds at most. ' +
    'It spends no attempt, so no outage makes a job dead, however long it lasts. Its command may expire in the meantime.',
  attempt:
    `The job spends one of its ${ATTEMPTS.attempts} attempts. The next one follows after about ` +
    `${ATTEMPTS.backoff.delay} ms, and each further pause is twice as long. After the last attempt the job is in the ` +
    'failed set, and the reconciler records its command as `dead`. A batch that fails as a whole is halved until the ' +
    'job at fault stands alone; the others keep their attempts.',
  abandon:
    'The worker leaves the job alone: another one owns it by now and records its outcome. Nothing is written, and the ' +
    'queue accepts no result from a worker that lost the lock.',
  exit: 'The process or the call of a producer ends and says why. No job is touched.',
} as const satisfies Record<Disposition, string>

/** The page on failures, from the table of `src/domain/failure.ts`. */
export function errorsPage(): string {
  const failures = Object.entries(FAILURES).map(([name, { disposition, meaning, remedy }]) => [
    code(name),
    code(disposition),
    meaning,
    remedy,
  ])
  return page(
    generatedFrom('FAILURES in src/domain/failure.ts'),
    '# Failures',
    'A failure keeps a command from its outcome for now. It is never an allow and never a denial, and it is never ' +
      'recorded as an outcome. Each has a code that does not change, and a disposition: what becomes of the job.',
    'The log has the code of a failure as `code`, in the line that says what failed. The message after a code says ' +
      'what failed and where. No message holds a secret, a signature or the content of a resource.',
    '## Dispositions',
    table(
      ['Disposition', 'What becomes of the job'],
      Object.entries(EFFECTS).map(([disposition, effect]) => [code(disposition), effect]),
    ),
    '## Codes',
    table(['Code', 'Disposition', 'Meaning', 'What to do'], failures),
    'A denied or an invalid command is not a failure: it has reason codes. ' +
      '[policies.md](policies.md#reasons) lists those of the shipped policies.',
    '## Exit statuses',
    table(
      ['Process', 'Status', 'When'],
      [
        ['`npm run authorizer`, `npm run auditor`, `npm run bundles`', '0', 'stopped gracefully by SIGTERM or SIGINT'],
        ['', '1', 'did not start, found Redis unfit, or did not stop within `JOBWARDEN_SHUTDOWN_GRACE_MS`'],
        ['`npx jobwarden`', '0', 'done'],
        ['', '1', '`enqueue`: some commands were rejected; the others are on the queue'],
        ['', '1', '`policies build`: the policies are broken; `policies status`: a sidecar is behind or failing'],
        ['', '1', '`redis check`: something would lose commands, or, with `--strict`, something could not be seen'],
        ['', '2', 'wrong flags or settings (`JW_CONFIG_INVALID`)'],
        ['', '3', 'a server is not available or refused the request'],
      ],
    ),
  )
}
