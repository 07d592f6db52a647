import { spawnSync } from 'node:child_process'
import { expect, test } from 'vitest'

/** What a program logs, line by line: pino writes to standard output of its process. */
function logged(program: string): unknown[] {
  const source = `
    import { createLogger } from './src/telemetry/logger.ts'
    import { Failure } from './src/domain/failure.ts'
    const log = createLogger('test', 'info')
    ${program}`
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '--eval', source], { encoding: 'utf8' })
  return stdout
    .trim()
    .split('\n')
    .map((line): unknown => JSON.parse(line))
}

test('an error has one code and its message once, with the causes below it, and none of their properties', () => {
  const [line] = logged(`
    const auth = Object.assign(new Error('WRONGPASS'), { command: { name: 'auth', args: ['QXZ'] }, input: 'QXZ' })
    log.error({ err: new Failure('JW_REDIS_REFUSED', 'WRONGPASS', { cause: auth }) }, 'did not start')`)
  expect(line).toMatchObject({
    err: {
      type: 'Failure',
      code: 'JW_REDIS_REFUSED',
      message: 'JW_REDIS_REFUSED: WRONGPASS',
      stack: expect.stringMatching(/^ +at [^]*\ncaused by Error: WRONGPASS\n +at /),
    },
    msg: 'did not start',
  })
  expect(JSON.stringify(line).match(/JW_REDIS_REFUSED: /g)).toHaveLength(1)
  expect(JSON.stringify(line)).not.toContain('QXZ')
})

test('what is no error is not quoted', () => {
  expect(logged(`log.error({ err: 'QXZ' }, 'x')`)[0]).toMatchObject({ err: { type: 'string' } })
})
