import { glob, readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'

/** Places of the repository, as the documents name them in code: with `*`, or with the ending left out for tests. */
const PLACE =
  /`((?:src|test|workers|cli|devkit|scripts|bench|policies|sidecar|k8s|compose|exports|docs)\/[\w./*-]*[\w*/])`/g

/** Examples: files that a reader is told to make. */
const TO_BE_MADE = new Set(['src/resource-types/invoice.ts', 'src/storage/migrations/1001-invoices.ts'])

test('every place of the repository that a document names is there', async () => {
  const missing: string[] = []
  for await (const page of glob(['*.md', 'docs/**/*.md'])) {
    if (page === 'CHANGELOG.md') continue
    const text = await readFile(page, 'utf8')
    for (const [, place = ''] of text.matchAll(PLACE))
      if (!TO_BE_MADE.has(place) && !(await exists(place))) missing.push(`${page}: ${place}`)
  }
  expect(missing).toEqual([])
})

async function exists(place: string): Promise<boolean> {
  const found = await Array.fromAsync(glob([place, `${place}.test.ts`, `${place}.ts`]))
  return found.length > 0
}
