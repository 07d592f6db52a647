import { Command } from 'commander'
import { loadConfig } from '../src/config/load-config.ts'
import { printableJson } from '../src/domain/printable.ts'
import { print, say } from '../src/process/terminal.ts'
import { openResults } from '../src/producer/open-results.ts'

/** `jobwarden result`: what became of a command, with the rows of a read. Exit status 1 while there is none. */
export function resultCommand(env: Readonly<Record<string, string | undefined>>): Command {
  return new Command('result')
    .description('show what became of a command, with the rows of a read, as JSON')
    .argument('<id>', 'id of the command')
    .action(async (id: string) => {
      const results = await openResults(loadConfig(env), (error) => say(error.message))
      try {
        const outcome = await results.result(id)
        if (outcome !== undefined) return print(`${printableJson(outcome)}\n`)
        say(
          `the ledger has no outcome for "${id}": it may still wait on the queue, or be invalid, which only the trail shows`,
        )
        process.exitCode = 1
      } finally {
        await results.close()
      }
    })
}
