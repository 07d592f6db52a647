import { userInfo } from 'node:os'
import { Command } from 'commander'
import { erasePerson } from '../src/audit/erase-person.ts'
import { printableJson } from '../src/domain/printable.ts'
import { print, say } from '../src/process/terminal.ts'
import { PersonalTables } from '../src/storage/trail/personal-store.ts'
import { withTrail } from './open-trail.ts'

type Flags = { readonly user: string; readonly reason: string; readonly by: string; readonly json?: boolean }

/** `jobwarden audit erase`: a person's data leave the trail, and every proof stays valid. */
export function auditEraseCommand(env: Readonly<Record<string, string | undefined>>): Command {
  return new Command('erase')
    .description('erase the personal values of a user from the trail, and record that')
    .requiredOption('--user <id>', 'whose')
    .requiredOption('--reason <text>', 'why, for the record of the erasure')
    .option('--by <name>', 'who erases, for the same', userInfo().username)
    .option('--json', 'as one line of JSON')
    .addHelpText(
      'after',
      `
It needs a login that is a member of the role jobwarden_eraser. Records without a leaf keep their values: the erasure says
by index which leaves it is about. The ledger keeps its own rows.

Exit status: 0 nothing of the user is left in the trail, 1 records wait for their leaves or are not what their leaves
were made of, 2 wrong flags or settings, 3 PostgreSQL cannot be reached.`,
    )
    .action(({ user, reason, by, json = false }: Flags) =>
      withTrail(env, 'jobwarden_eraser', async (database) => {
        const { erased, left } = await erasePerson(new PersonalTables(database), user, { by, reason })
        print(json ? `${printableJson({ erased, left })}\n` : `erased the personal values of ${erased} records\n`)
        if (left === 0) return
        say(`${left} records of the user wait for their leaves: run this again once an auditor has made them`)
        process.exitCode = 1
      }),
    )
}
