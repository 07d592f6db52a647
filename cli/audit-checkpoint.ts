import { Command } from 'commander'
import { print, say } from '../src/process/terminal.ts'
import { StoredTrail } from '../src/storage/trail/stored-trail.ts'
import { withTrail } from './open-trail.ts'

/** `jobwarden audit checkpoint`: what to keep somewhere else. */
export function auditCheckpointCommand(env: Readonly<Record<string, string | undefined>>): Command {
  return new Command('checkpoint')
    .description('print the last checkpoint, to keep it where nobody of this database can write')
    .action(() =>
      withTrail(env, 'jobwarden_reader', async (database) => {
        const { note } = await new StoredTrail(database).end()
        if (note !== undefined) return print(note)
        say('no checkpoint was signed yet')
        process.exitCode = 1
      }),
    )
}
