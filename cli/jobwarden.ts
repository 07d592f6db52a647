#!/usr/bin/env node
import { endTraces } from '../src/telemetry/register.ts'
import { Command, CommanderError } from 'commander'
import { toFailure } from '../src/domain/failure.ts'
import { endWithReader, endProcess } from '../src/process/end-process.ts'
import { endOnUncaught } from '../src/process/uncaught.ts'
import { PoliciesRefused } from '../src/policy-tools/policy-problem.ts'
import { auditCommand } from './audit.ts'
import { enqueueCommand } from './enqueue.ts'
import { denialsCommand } from './denials.ts'
import { explainCommand } from './explain.ts'
import { keysCommand } from './keys.ts'
import { migrateCommand } from './migrate.ts'
import { policiesCommand } from './policies.ts'
import { redisCommand } from './redis.ts'
import { resourcesCommand } from './resources.ts'
import { resultCommand } from './result.ts'
import { print, say } from '../src/process/terminal.ts'

/** Wrong flags and wrong settings. */
const USAGE = 2
/** Something that the command needs is missing or does not work. */
const FAILED = 3

const program = new Command('jobwarden')
  .description('Authorizes queued jobs with Open Policy Agent before it runs them.')
  .addCommand(enqueueCommand(process.env))
  .addCommand(resultCommand(process.env))
  .addCommand(denialsCommand(process.env))
  .addCommand(explainCommand(process.env))
  .addCommand(auditCommand(process.env))
  .addCommand(migrateCommand(process.env))
  .addCommand(keysCommand())
  .addCommand(policiesCommand(process.env))
  .addCommand(redisCommand(process.env))
  .addCommand(resourcesCommand(process.env))

const groups = program.commands.flatMap((command) => [command, ...command.commands])
for (const command of [program, ...groups])
  command.exitOverride().configureOutput({ writeOut: print, writeErr: (text) => say(text.trimEnd()) })

endWithReader()
endOnUncaught(FAILED)
try {
  await program.parseAsync()
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : USAGE
  else if (error instanceof PoliciesRefused) {
    say(error.message)
    process.exitCode = 1
  } else {
    const failure = toFailure(error)
    say(failure.message)
    process.exitCode ??= failure.code === 'JW_CONFIG_INVALID' ? USAGE : FAILED
  }
}
await endProcess(endTraces)
