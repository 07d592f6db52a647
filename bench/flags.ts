import { parseArgs } from 'node:util'
import { messageOf } from '../src/domain/failure.ts'

/** What the bench is asked to do. */
export type Flags = {
  readonly jobs: number
  /** Where to write the result as JSON. */
  readonly json: string | undefined
  /** What to measure. By default, workers are compared. */
  readonly subject: 'workers' | 'scale' | 'memory' | 'decisions' | 'collections'
  /** How many documents `collections` has. */
  readonly documents: number
  readonly help: boolean
}

/** Jobs in a row: enough for every worker to be warm for most of the time. */
export const DEFAULT_JOBS = 20_000

export const USAGE = `npm run bench -- [--jobs N] [--json FILE]
npm run bench -- --scale [--jobs N]
npm run bench -- --memory | --decisions | --collections [--documents N]

  --jobs N       jobs a row (default ${DEFAULT_JOBS}); fewer make a smoke run, whose numbers say little
  --json FILE    write the rows as JSON
  --scale        1, 2 and 4 workers on one Redis, each with an OPA of its own, and what each process uses
  --memory       send 200000 jobs through one authorizer and print its memory every 20000
  --decisions    what a decision costs alone and in batches of 10, 100 and 300
  --collections  one user's rows of many: filtered in SQL, and in the article's way, with all documents inside OPA
  --documents N  how many documents that is (default 1000000)
`

/** @throws Error that says which flag is wrong */
export function parseFlags(args: readonly string[]): Flags {
  const { values } = parseArgs({
    args: [...args],
    options: {
      jobs: { type: 'string' },
      json: { type: 'string' },
      documents: { type: 'string' },
      scale: { type: 'boolean', default: false },
      memory: { type: 'boolean', default: false },
      decisions: { type: 'boolean', default: false },
      collections: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  const { jobs, json, documents, help } = values
  const asked = (['scale', 'memory', 'decisions', 'collections'] as const).filter((name) => values[name])
  const [subject = 'workers'] = asked
  if (asked.length > 1) throw new Error(`--${asked.join(' and --')}: one at a time`)
  if (subject !== 'workers' && json !== undefined) throw new Error(`--${subject} does not allow --json`)
  if (subject !== 'workers' && subject !== 'scale' && jobs !== undefined)
    throw new Error(`--${subject} does not allow --jobs`)
  if (subject !== 'collections' && documents !== undefined) throw new Error('--documents needs --collections')
  if (json === '') throw new Error('--json needs the name of a file')
  return {
    jobs: count('--jobs', jobs, DEFAULT_JOBS, 1_000_000),
    documents: count('--documents', documents, 1_000_000, 5_000_000),
    json,
    subject,
    help,
  }
}

/** Reads the flags of a process, or prints what is wrong with them and returns undefined. */
export function flagsOrComplaint(args: readonly string[]): Flags | undefined {
  try {
    return parseFlags(args)
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n\n${USAGE}`)
    return undefined
  }
}

function count(flag: string, text: string | undefined, fallback: number, most: number): number {
  if (text === undefined) return fallback
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= 100 && value <= most) return value
  throw new Error(`${flag} ${text}: must be a whole number from 100 to ${most}`)
}
