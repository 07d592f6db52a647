import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { resourceTypes } from '../../src/resource-types/registry.ts'
import { readResourceTypes } from '../../src/config/read-resource-types.ts'

let folder: string
let files = 0

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'jobwarden-resources-'))
})
afterAll(() => rm(folder, { recursive: true }))

async function fileOf(text: string, ending = 'json'): Promise<string> {
  const file = join(folder, `${(files += 1)}.${ending}`)
  await writeFile(file, text)
  return file
}

const NOTE = {
  name: 'note',
  table: 'app.notes',
  key: 'id',
  columns: { id: 'text', owner: 'text', body: 'text', stars: 'integer', views: 'bigint', pinned: 'boolean' },
  attributes: ['owner'],
  patch: { body: { maxLength: 5, nullable: true }, stars: { min: 1, max: 5 }, views: {}, pinned: {} },
}
const json = (...types: readonly unknown[]) => fileOf(JSON.stringify({ types }))

test('without a file, the shipped types are there', async () => {
  expect(await readResourceTypes(undefined)).toBe(resourceTypes)
  expect([...resourceTypes.keys()]).toContain('document')
})

test.each<[string, Record<string, unknown>, boolean]>([
  ['what is in bounds', { body: 'hello', stars: 5, views: '9007199254740993', pinned: true }, true],
  ['nothing for what may be taken away', { body: null }, true],
  ['nothing for what may not', { stars: null }, false],
  ['a text that is too long', { body: 'hello!' }, false],
  ['a number out of bounds', { stars: 6 }, false],
  ['a number for a bigint, which would lose digits', { views: 7 }, false],
  ['a column that a patch may not touch', { owner: 'me' }, false],
])('a JSON file declares a type, whose patch takes or refuses %s', async (_what, patch, taken) => {
  const note = (await readResourceTypes(await json(NOTE))).get('note')
  expect(note?.patch.safeParse(patch).success).toBe(taken)
})

test('a TypeScript module declares types as the sources do', async () => {
  const module = `import type { ResourceType } from ${JSON.stringify(join(process.cwd(), 'src/domain/resource-type.ts'))}
import { z } from ${JSON.stringify(import.meta.resolve('zod'))}
const note: ResourceType = {
  name: 'note', table: 'app.notes', key: 'id', columns: { id: 'text', owner: 'text' }, attributes: ['owner'],
  patch: z.strictObject({}),
}
export default [note]
`
  expect([...(await readResourceTypes(await fileOf(module, 'ts'))).keys()]).toEqual(['note'])
})

test('everything that is wrong is told at once, with the file', async () => {
  const file = await json({ ...NOTE, key: 'stars', attributes: ['owner', 'colour'] }, { ...NOTE, table: 'app.Notes' })
  await expect(readResourceTypes(file)).rejects.toThrow(
    new RegExp(
      `JOBWARDEN_RESOURCES ${file}:[^]*"stars" must be declared as a text[^]*"colour" is not[^]*"Notes"[^]*two resource types`,
    ),
  )
})

test.each<[string, () => Promise<string>, RegExp]>([
  ['is not there', async () => join(folder, 'nowhere.json'), /ENOENT/],
  ['is no JSON', () => fileOf('{'), /JSON/],
  ['has no type', () => json(), /types: /],
  ['has members that nobody reads', () => json({ ...NOTE, primaryKey: 'id' }), /primaryKey/],
  ['has a kind that there is not', () => json({ ...NOTE, columns: { id: 'uuid' } }), /types\.0\.columns\.id/],
  [
    'limits a number by its length',
    () => json({ ...NOTE, patch: { stars: { maxLength: 3 } } }),
    /patch\.stars: "maxLength"/,
  ],
  ['is a module that exports no default', () => fileOf('export const types = []', 'mjs'), /default/],
  ['is a module that throws', () => fileOf('throw new Error("no luck")', 'mjs'), /no luck/],
])('a file that %s is refused with what is wrong', async (_what, file, why) => {
  await expect(file().then(readResourceTypes)).rejects.toThrow(why)
})
