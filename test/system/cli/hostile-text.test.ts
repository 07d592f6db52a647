import { cp, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { printable, printableJson, printableLines } from '../../../src/domain/printable.ts'
import { type CliResult, runCli } from '../../support/run-cli.ts'
import { type Stack, seedDocuments, startStack } from '../../support/stack.ts'

/** Clears a screen, sets a title, types for its reader, turns text around, forges a line; in 7 and 8 bits. */
const HOSTILE = '\u001b[2J\u001b]0;title\u0007\u009b6n\u202edenied\u2028\r\nforged'
/** What no terminal may be given by us. */
const OBEYED = /(?![\n\t])[\p{C}\p{Zl}\p{Zp}]/u

let stack: Stack
let env: Record<string, string>

beforeAll(async () => {
  stack = await startStack()
  await seedDocuments(stack.owner)
  env = stack.env()
})
afterAll(() => stack.close())

const jobwarden = (args: readonly string[], input = '') => runCli('cli/jobwarden.ts', args, { env, input })

/** Nothing to obey, nothing forged, and what was hostile is there to be seen. */
function expectHarmless({ stdout, stderr }: CliResult): void {
  expect(stdout + stderr).not.toMatch(OBEYED)
  expect(stdout + stderr).not.toMatch(/^forged/m)
  expect(stdout + stderr).toContain('forged')
}

describe('text that others chose is shown, and no terminal obeys it:', () => {
  test('ids, users, actions and reasons of denials', async () => {
    const reasons = JSON.stringify([{ code: 'hostile', message: HOSTILE }])
    await sql`
      with record as (
        insert into audit.records (id, outcome, reason_codes, resource_type, queue, occurred_at)
        values (${HOSTILE}, 'invalid', array['hostile'], ${HOSTILE}, 'q', now()) returning seq
      )
      insert into audit.personal (seq, user_id, user_role, resource_id, job_id, reasons)
      select seq, ${HOSTILE}, ${HOSTILE}, ${HOSTILE}, ${HOSTILE}, ${reasons}::jsonb from record`.execute(stack.owner)
    const table = await jobwarden(['denials'])
    expectHarmless(table)
    expect(table.stdout.trim().split('\n')).toHaveLength(2)
    const json = await jobwarden(['denials', '--json'])
    expectHarmless(json)
    expect(JSON.parse(json.stdout)).toMatchObject({ id: HOSTILE, user_id: HOSTILE, reasons: [{ message: HOSTILE }] })
  })

  test('authors and sidecars of the history', async () => {
    await sql`
      insert into audit.policy_activations (bundle, revision, digest, signed_by, author, pushed_at, pushed_by,
        first_seen_at, first_seen_by)
      values ('production', 'r1', 'd', 'k', ${HOSTILE}, now(), ${HOSTILE}, now(), ${HOSTILE})`.execute(stack.owner)
    const history = await jobwarden(['policies', 'history'])
    expectHarmless(history)
    expect(history.stdout.trim().split('\n')).toHaveLength(2)
  })

  test('keys and values of lines that are rejected', async () => {
    const line = JSON.stringify({
      [HOSTILE]: 1,
      user: { id: 'u', role: 'r' },
      action: 'read',
      resource: { type: 'document', id: 'd', [HOSTILE]: HOSTILE },
    })
    for (const flags of [[], ['--json']]) {
      const rejected = await jobwarden(['enqueue', ...flags], line)
      expect(rejected.status).toBe(1)
      expect(rejected.stdout).toMatch(/0 enqueued, 1 rejected|"enqueued":0/) // U+2028 ends no line of JSON.
      expectHarmless(rejected)
    }
  })

  test.each([
    ['enqueue', '--action', HOSTILE],
    ['enqueue', `--${HOSTILE}`],
    ['enqueue', '--lifetime', HOSTILE],
    ['denials', '--since', HOSTILE],
    ['explain', HOSTILE],
    ['policies', 'build', HOSTILE, '--environment', 'x'],
  ])('arguments, as a script may pass them on: %#', async (...args) => {
    const result = await jobwarden(args.map((arg) => (args[0] === 'enqueue' ? arg.replaceAll('\r\n', ' ') : arg)))
    expect(result.stdout + result.stderr).not.toMatch(OBEYED)
    expect(result.stderr).toContain('forged')
    expect(result.status).toBe(2)
  })

  test('users, roles and attributes that are explained', async () => {
    const user = { id: 'u', role: HOSTILE, tags: [HOSTILE] }
    const request = JSON.stringify({ user, action: 'read', resource: { type: 'document', id: 'resource_1' } })
    for (const flags of [[], ['--json']]) {
      const explained = await jobwarden(['explain', '--request', request, ...flags])
      expect(explained.status).toBe(0)
      expectHarmless(explained)
    }
  })

  test('names and errors of policies', async () => {
    const dir = await stack.workspace.folder('policies')
    await cp('policies', dir, { recursive: true })
    await mkdir(join(dir, 'authz/\u001b[2J'))
    await writeFile(join(dir, 'authz/\u001b[2J/\u009bforged.rego'), 'package authz\n\nallow if unknown("\u202e")\n')
    const checked = await runCli('scripts/policies.ts', [dir])
    expect(checked.status).toBe(1)
    expectHarmless(checked)
  })
})

test('whatever a text is, what is printed of it holds nothing to obey, and JSON stays the same value', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(printable(text)).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u)
      expect(printableLines(text)).not.toMatch(OBEYED)
      expect(printableJson({ text })).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u)
      expect(JSON.parse(printableJson({ text }))).toEqual({ text })
    }),
  )
  expect(printable('plain — ünïcode 漢字')).toBe('plain — ünïcode 漢字')
})
