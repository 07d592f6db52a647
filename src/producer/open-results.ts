import { postgresOptions, requireDatabaseUrl } from '../config/adapter-options.ts'
import type { Config } from '../config/settings.ts'
import type { Outcome } from '../domain/outcome.ts'
import { findRequest } from '../storage/ledger/find-request.ts'
import { openFit } from '../storage/postgres-fitness.ts'

export type OpenResults = {
  /**
   * What became of a command, with the rows of a read; undefined while it has no outcome. An `invalid` job never has one
   * here: it is not a command, and only in the trail.
   * @throws Failure JW_STORE_*
   */
  result(commandId: string): Promise<Outcome | undefined>
  close(): Promise<void>
}

/**
 * Opens the results of commands for a service that may read the ledger, as the database role `jobwarden_reader`.
 * `onError` is called when a connection dies while nobody uses it.
 * @throws Failure JW_CONFIG_INVALID without a database, JW_STORE_* when it cannot be reached, refuses or is not fit
 */
export async function openResults(config: Config, onError: (error: Error) => void): Promise<OpenResults> {
  const url = requireDatabaseUrl(config)
  const database = await openFit({ ...postgresOptions(config), url, role: 'jobwarden_reader', onError })
  return {
    result: async (commandId) => (await findRequest(database, commandId))?.outcome,
    close: () => database.destroy(),
  }
}
