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
  columns: {
    id: 'text',
    owner: 'text',
    body: 'text',
    stars: 'integer',
    views: 'bigint',
    pinned: 'boolean',
    ref: 'uuid',
    price: 'numeric',
    due: 'date',
    at: 'timestamptz',
    tags: 'text[]',
    meta: 'jsonb',
  },
  attributes: ['owner'],
  patch: {
    body: { maxLength: 5, nullable: true },
    stars: { min: 1, max: 5 },
    views: {},
    pinned: {},
    ref: {},
    price: { precision: 5, scale: 2 },
    due: {},
    at: {},
    tags: {},
    meta: {},
  },
}
const REF = '0b0e7f6a-1c2d-4e3f-8a9b-0c1d2e3f4a5b'
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
  [
    'the values of every other kind',
    { ref: REF, price: '12.50', due: '2026-02-28', at: '2026-02-28T10:00:00+02:00' },
    true,
  ],
  ['a list and a document', { tags: ['a', 'b'], meta: { deep: [1, null, { a: 'b' }] } }, true],
  ['a UUID in upper case, which would be another text', { ref: REF.toUpperCase() }, false],
  ['a number with more decimals than its column', { price: '12.505' }, false],
  ['a number with more digits than its column', { price: '1234.5' }, false],
  ['a numeric that is no number', { price: 'NaN' }, false],
  ['a day that there is not', { due: '2026-02-30' }, false],
  ['the year 0, which PostgreSQL does not know', { due: '0000-01-01' }, false],
  ['a moment without a zone', { at: '2026-02-28T10:00:00' }, false],
  ['a zone that PostgreSQL does not know', { at: '2026-02-28T10:00:00+20:00' }, false],
  ['a list that holds no texts', { tags: [1] }, false],
  ['a bigint past its range', { views: '9223372036854775808' }, false],
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
  const file = await json({ ...NOTE, key: 'pinned', attributes: ['owner', 'colour'] }, { ...NOTE, table: 'app.no-tes' })
  await expect(readResourceTypes(file)).rejects.toThrow(
    new RegExp(
      `JOBWARDEN_RESOURCES ${file}:[^]*its key "pinned" must be a declared column[^]*"colour" is not[^]*"no-tes"[^]*two resource types`,
    ),
  )
})

test.each<[string, () => Promise<string>, RegExp]>([
  ['is not there', async () => join(folder, 'nowhere.json'), /ENOENT/],
  ['is no JSON', () => fileOf('{'), /JSON/],
  ['has no type', () => json(), /types: /],
  ['has members that nobody reads', () => json({ ...NOTE, primaryKey: 'id' }), /primaryKey/],
  ['has a kind that there is not', () => json({ ...NOTE, columns: { id: 'money' } }), /types\.0\.columns\.id/],
  [
    'limits a number by its length',
    () => json({ ...NOTE, patch: { stars: { maxLength: 3 } } }),
    /patch\.stars: "maxLength"/,
  ],
  ['names no schema', () => json({ ...NOTE, table: 'notes' }), /table/],
  ["guards by a column of a row's place", () => json({ ...NOTE, guard: 'ctid' }), /"ctid" cannot guard/],
  ['patches its guard', () => json({ ...NOTE, guard: 'stars' }), /"stars": it guards updates/],
  ['has an attribute that is no name', () => json({ ...NOTE, attributes: { 'the owner': 'owner' } }), /"the owner"/],
  ["has an attribute of policies' own", () => json({ ...NOTE, attributes: { type: 'owner' } }), /"type" of every/],
  ['is a module that exports no default', () => fileOf('export const types = []', 'mjs'), /default/],
  ['is a module that throws', () => fileOf('throw new Error("no luck")', 'mjs'), /no luck/],
])('a file that %s is refused with what is wrong', async (_what, file, why) => {
  await expect(file().then(readResourceTypes)).rejects.toThrow(why)
})
