import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { loadConfig } from '../../src/config/load-config.ts'

test('an empty environment gives the defaults', () => {
  expect(loadConfig({})).toMatchObject({ redisUrl: 'redis://127.0.0.1:6379', batchMax: 300, workerConcurrency: 600 })
})

test('every problem is named at once, typos included', () => {
  const env = {
    JOBWARDEN_REDIS_ULR: 'redis://x',
    JOBWARDEN_BATCH_MAX: 'many',
    JOBWARDEN_OPA_URL: 'ftp://x',
    JOBWARDEN_LOG_LEVEL: 'loud',
  }
  expect(() => loadConfig(env)).toThrow(
    /REDIS_ULR: there is no such setting[^]*OPA_URL: must start with[^]*BATCH_MAX[^]*LOG_LEVEL/,
  )
})

test('settings that contradict each other are refused', () => {
  const env = { JOBWARDEN_OPA_CERT_FILE: '/c.pem', JOBWARDEN_JOB_LOCK_MS: '5000', JOBWARDEN_BATCH_MAX: '700' }
  expect(() => loadConfig(env)).toThrow(/OPA_CERT_FILE[^]*JOB_LOCK_MS[^]*BATCH_MAX/)
})

test('a secret may come from a file, and no message quotes it', () => {
  const folder = mkdtempSync(join(tmpdir(), 'jobwarden-test-'))
  try {
    const file = join(folder, 'url')
    writeFileSync(file, 'http://user:hunter2@host\n')
    expect(() => loadConfig({ JOBWARDEN_DATABASE_URL_FILE: file })).toThrow(/DATABASE_URL: must start with/)
    expect(() => loadConfig({ JOBWARDEN_DATABASE_URL_FILE: file })).not.toThrow(/hunter2/)
    writeFileSync(file, 'postgres://user:hunter2@host/db\n')
    expect(loadConfig({ JOBWARDEN_DATABASE_URL_FILE: file }).databaseUrl).toBe('postgres://user:hunter2@host/db')
    expect(() => loadConfig({ JOBWARDEN_REDIS_URL_FILE: join(folder, 'missing') })).toThrow(/cannot read/)
  } finally {
    rmSync(folder, { recursive: true })
  }
})
