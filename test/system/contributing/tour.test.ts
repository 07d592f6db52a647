import { hash } from 'node:crypto'
import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { type Workspace, openWorkspace } from '../../../devkit/workspace.ts'
import { runProgram } from '../../../src/process/run-program.ts'

let workspace: Workspace
let checkout: string
let files: readonly string[]

beforeEach(async () => {
  workspace = await openWorkspace()
  checkout = await workspace.folder('checkout')
  const listed = await runProgram('git', ['ls-files', '--cached', '--others', '--exclude-standard', '--deduplicate'])
  files = listed.split('\n').filter((file) => file !== '')
  for (const file of files) await cp(file, join(checkout, file))
  await symlink(join(process.cwd(), 'node_modules'), join(checkout, 'node_modules'))
  return () => workspace.close()
})

type Change = {
  /** Files that are new. */
  readonly files?: Readonly<Record<string, string>>
  /** In a file, the text after which something stands now, and what. */
  readonly lines?: Readonly<Record<string, readonly (readonly [after: string, added: string])[]>>
}

const MIGRATION = `import { type Kysely, sql } from 'kysely'

export async function up(db: Kysely<never>): Promise<void> {
  await sql\`create table resources.notes (id text primary key, owner text not null, version bigint not null default 1)\`.execute(db)
  await sql\`grant select, update, delete on resources.notes to jobwarden_authorizer\`.execute(db)
}
`
const MIGRATED = {
  'src/storage/migrate.ts': [
    [
      "import * as undecidedRows from './migrations/0004-undecided-rows.ts'\n",
      "import * as notes from './migrations/1001-notes.ts'\n",
    ],
    ["  '0004-undecided-rows': undecidedRows,\n", "  '1001-notes': notes,\n"],
  ],
} as const

const TYPE = `import { z } from 'zod'
import type { ResourceType } from '../domain/resource-type.ts'

export const note: ResourceType = {
  name: 'note',
  table: 'resources.notes',
  key: 'id',
  columns: { id: 'text', owner: 'text' },
  attributes: ['owner'],
  patch: z.strictObject({}),
}
`

/** The changes of CONTRIBUTING.md, made as it says. */
const CHANGES: Readonly<Record<string, Change>> = {
  'a failure': {
    files: {
      'src/parsing/tour.ts': `import { Failure } from '../domain/failure.ts'

export function tour(): never {
  throw new Failure('JW_TOUR', 'here it begins')
}
`,
    },
    lines: {
      'src/domain/failure.ts': [
        [
          'export const FAILURES = {\n',
          "  JW_TOUR: { disposition: 'exit', meaning: 'Somebody takes the tour.', remedy: 'Enjoy it.' },\n",
        ],
      ],
    },
  },
  'a setting': {
    lines: {
      'src/config/settings.ts': [
        ['  ...BUNDLE_SETTINGS,\n', "  tourMs: milliseconds(1_000).describe('How long the tour takes.'),\n"],
      ],
    },
  },
  'a migration': { files: { 'src/storage/migrations/1001-notes.ts': MIGRATION }, lines: MIGRATED },
  'a resource type': {
    files: { 'src/resource-types/note.ts': TYPE, 'src/storage/migrations/1001-notes.ts': MIGRATION },
    lines: {
      ...MIGRATED,
      'src/resource-types/registry.ts': [
        ["import { document } from './document.ts'\n", "import { note } from './note.ts'\n"],
        ['declareResourceTypes([document', ', note'],
      ],
    },
  },
  'a page': {
    files: { 'docs/tour.md': '# Tour\n\nA page.\n' },
    lines: { 'README.md': [['| a developer | ', '[tour](docs/tour.md), ']] },
  },
}

test('the tour has a change for every row, and a row for every change', async () => {
  expect([...(await tourOf('.')).keys()].toSorted()).toEqual(Object.keys(CHANGES).toSorted())
})

test.each(Object.entries(CHANGES))(
  'to add %s touches the files that CONTRIBUTING.md names, and no other',
  async (what, change) => {
    const before = await digestsOf()
    for (const [file, text] of Object.entries(change.files ?? {})) await write(file, text)
    for (const [file, lines] of Object.entries(change.lines ?? {}))
      for (const [after, added] of lines) await addAfter(file, after, added)
    files = [...new Set([...files, ...Object.keys(change.files ?? {})])]

    await inCheckout('node', ['scripts/generate-docs.ts'])
    await inCheckout('tsc', ['-p', '.'])
    await inCheckout('vitest', ['run', 'test/unit'])

    const now = await digestsOf()
    const touched = [...now].filter(([file, digest]) => before.get(file) !== digest).map(([file]) => file)
    const named = (await tourOf(checkout)).get(what) ?? []
    expect(touched.toSorted()).toEqual(named.map(placed).toSorted())
  },
  120_000,
)

/** What stands here for the names that CONTRIBUTING.md leaves open. */
const NAMES = {
  '<where>': 'parsing/tour',
  '<type>': 'note',
  '<number>-<name>': '1001-notes',
  '<page>': 'tour',
} as const

function placed(file: string): string {
  return Object.entries(NAMES).reduce((path, [open, name]) => path.replace(open, name), file)
}

/** The rows of the tour: what is added, and the files that it names. */
async function tourOf(root: string): Promise<ReadonlyMap<string, readonly string[]>> {
  const text = await readFile(join(root, 'CONTRIBUTING.md'), 'utf8')
  const [, section = ''] = /## A tour\n([^]*?)\n## /.exec(text) ?? []
  const rows = section.split('\n').filter((line) => line.startsWith('| a '))
  return new Map(
    rows.map((row) => {
      const [, what = '', touched = '', written = ''] = row.split('|').map((cell) => cell.trim())
      return [what, [...`${touched} ${written}`.matchAll(/`([^` ]+\.(?:ts|md))`/g)].map(([, file = '']) => file)]
    }),
  )
}

async function digestsOf(): Promise<ReadonlyMap<string, string>> {
  const digest = async (file: string) => hash('sha256', await readFile(join(checkout, file)))
  return new Map(await Promise.all(files.map(async (file) => [file, await digest(file)] as const)))
}

async function write(file: string, text: string): Promise<void> {
  await mkdir(dirname(join(checkout, file)), { recursive: true })
  await writeFile(join(checkout, file), text)
}

async function addAfter(file: string, after: string, added: string): Promise<void> {
  const text = await readFile(join(checkout, file), 'utf8')
  expect(text).toContain(after)
  await write(
    file,
    text.replace(after, () => after + added),
  )
}

function inCheckout(program: string, args: readonly string[]): Promise<string> {
  const path = `${join(process.cwd(), 'node_modules/.bin')}:${process.env['PATH'] ?? ''}`
  return runProgram(program, args, { cwd: checkout, env: { ...process.env, PATH: path }, timeoutMs: 100_000 })
}
