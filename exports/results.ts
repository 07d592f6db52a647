/** For services that may read the ledger: what became of a command, with the rows of a read. */
export { loadConfig } from '../src/config/load-config.ts'
export type { Outcome, Row } from '../src/domain/outcome.ts'
export { type OpenResults, openResults } from '../src/producer/open-results.ts'
