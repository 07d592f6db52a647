import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'

test.each([
  ['thrown', 'setImmediate(() => { throw error })'],
  ['rejected', 'Promise.reject(error)'],
])('what is %s and not caught ends the process with its code and place, and without its properties', (_how, fault) => {
  const source = `
    import { endOnUncaught } from './src/process/uncaught.ts'
    endOnUncaught(3)
    const error = Object.assign(new TypeError('Invalid URL'), { input: 'redis://:QXZ@host', command: { args: ['QXZ'] } })
    ${fault}`
  const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '--eval', source], {
    encoding: 'utf8',
  })
  expect(stderr).toMatch(/^JW_UNEXPECTED: Invalid URL\n +at /)
  expect(stderr).not.toContain('QXZ')
  expect(status).toBe(3)
})
