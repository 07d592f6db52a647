import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { runCli } from '../../support/run-cli.ts'

test('the demo tells every case of the article, works off its commands and leaves nothing behind', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'jobwarden-test-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const { status, stdout, stderr } = await runCli('scripts/demo.ts', [], { env: { TMPDIR: folder } })
  expect(stderr).toBe('')
  expect(status).toBe(0)
  const told = [
    /user_123 +read +resource_1 +executed/,
    /user_123 +read +resource_2 +denied +not_owner: /,
    /user_123 +update +resource_1 +executed/,
    /user_456 +update +resource_1 +denied +not_owner: /,
    /user_456 +delete +resource_2 +denied +role_may_not_delete: /,
    /manager of engineering +read +resource_1 +executed/,
    /manager of sales +read +resource_1 +denied +[^\n]*other_department: /,
    /guest +read +resource_3 +denied/,
    /admin +delete +resource_3 +executed/,
    /guest +delete +resource_1\.\.2 +denied +no_rows_allowed: /,
    /2000 mixed commands: \d+ a second/,
    /\d+ batches: \d+ commands on average/,
    /all 2019 commands: \d+ executed, \d+ denied, 1 not_found/,
    /denials went over the queue jobwarden-audit/,
  ]
  for (const line of told) expect(stdout).toMatch(line)
  expect(stdout).not.toMatch(/^\{/m) // Nothing that the workers log: there is nothing to warn of.
  expect(await readdir(folder)).toEqual([])
})

test('a wrong flag ends the demo before anything starts', async () => {
  const { status, stderr } = await runCli('scripts/demo.ts', ['--kep'])
  expect(status).toBe(1)
  expect(stderr).toMatch(/--kep/)
})
