import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { messageOf } from '../src/domain/failure.ts'
import { configurationPage } from './docs/configuration-page.ts'
import { errorsPage } from './docs/errors-page.ts'
import { withLayerDiagram } from './docs/layer-diagram.ts'
import { redisUsersPage } from './docs/redis-users-page.ts'

/** The pages that are generated from the code, by their path from the root of the repository. */
const PAGES: Readonly<Record<string, (page: string) => string>> = {
  'docs/architecture.md': withLayerDiagram,
  'docs/errors.md': errorsPage,
  'docs/configuration.md': configurationPage,
  'docs/redis-users.md': redisUsersPage,
}

const ROOT = join(import.meta.dirname, '..')

/** Writes the pages, or, with `check`, only compares them with the code. */
async function generateDocs(check: boolean): Promise<void> {
  const stale: string[] = []
  for (const [path, make] of Object.entries(PAGES)) {
    const page = await textOf(path)
    const text = make(page)
    if (text === page) continue
    if (check) stale.push(path)
    else {
      await writeFile(join(ROOT, path), text)
      process.stdout.write(`wrote ${path}\n`)
    }
  }
  if (stale.length > 0)
    throw new Error(stale.map((path) => `${path} is stale: run \`npm run docs\` and commit it`).join('\n'))
}

async function textOf(path: string): Promise<string> {
  try {
    return await readFile(join(ROOT, path), 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return ''
    throw error
  }
}

try {
  const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } })
  await generateDocs(values.check)
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`)
  process.exitCode = 1
}
