import { expect, test } from 'vitest'
import { repeat } from '../../src/process/repeat.ts'

test.each([
  ['at once', 1],
  ['after a pause', 0],
] as const)('a task that begins %s has begun %d times before anything else happens', async (first, times) => {
  let begun = 0
  const again = Promise.withResolvers<void>()
  const task = async () => {
    begun += 1
    if (begun === 3) again.resolve()
  }
  const repeating = repeat(task, 1, again.reject, first)
  expect(begun).toBe(times)
  await again.promise
  await repeating.stop()
})

test('each pause is told anew, after the run that it follows', async () => {
  const told: string[] = []
  const again = Promise.withResolvers<void>()
  const repeating = repeat(
    async () => {
      told.push('run')
      if (told.length > 4) again.resolve()
    },
    () => told.push('pause') && 1,
    again.reject,
  )
  await again.promise
  await repeating.stop()
  expect(told.slice(0, 5)).toEqual(['run', 'pause', 'run', 'pause', 'run'])
})
