import { expect, test } from 'vitest'
import { Batcher } from '../../src/process/batcher.ts'
import { isolateFailures } from '../../src/process/isolate-failures.ts'
import { Failure } from '../../src/domain/failure.ts'

/** A run whose batches end when the test says so. */
function controlledRun() {
  const started: { items: readonly number[]; end: () => void; fail: (error: Error) => void }[] = []
  const waiting: (() => void)[] = []
  const run = (items: readonly number[]) =>
    new Promise<readonly string[]>((resolve, reject) => {
      started.push({ items, end: () => resolve(items.map((item) => `done ${item}`)), fail: reject })
      waiting.shift()?.()
    })
  const batch = async (index: number) => {
    while (started.length <= index) await new Promise<void>((resolve) => waiting.push(resolve))
    const found = started[index]
    if (found === undefined) throw new Error('no such batch')
    return found
  }
  return { run, batch, started }
}

test('an idle pipeline takes a lone item at once', async () => {
  const { run, batch } = controlledRun()
  const batcher = new Batcher(run, { maxSize: 10, maxInFlight: 2 })
  const result = batcher.submit(1)
  const first = await batch(0)
  expect(first.items).toEqual([1])
  first.end()
  await expect(result).resolves.toBe('done 1')
})

test('items of one turn of the event loop share a batch', async () => {
  const { run, batch } = controlledRun()
  const batcher = new Batcher(run, { maxSize: 10, maxInFlight: 2 })
  const results = [1, 2, 3].map((item) => batcher.submit(item))
  const first = await batch(0)
  expect(first.items).toEqual([1, 2, 3])
  first.end()
  await expect(Promise.all(results)).resolves.toEqual(['done 1', 'done 2', 'done 3'])
})

test('while a batch is in flight, later ones fill up; one that is half full goes beside it, a smaller one waits', async () => {
  const { run, batch, started } = controlledRun()
  const batcher = new Batcher(run, { maxSize: 4, maxInFlight: 3 })
  const results = [batcher.submit(1)]
  const first = await batch(0)
  results.push(...[2, 3].map((item) => batcher.submit(item)))
  const second = await batch(1)
  expect(second.items).toEqual([2, 3])
  results.push(batcher.submit(4))
  expect(started).toHaveLength(2)
  second.end()
  first.end()
  const third = await batch(2)
  expect(third.items).toEqual([4])
  third.end()
  await expect(Promise.all(results)).resolves.toHaveLength(4)
})

test('never more batches in flight than allowed', async () => {
  const { run, batch, started } = controlledRun()
  const batcher = new Batcher(run, { maxSize: 1, maxInFlight: 2 })
  const results = [1, 2, 3].map((item) => batcher.submit(item))
  const first = await batch(0)
  await batch(1)
  expect(started).toHaveLength(2)
  first.end()
  const third = await batch(2)
  third.end()
  ;(await batch(1)).end()
  await Promise.all(results)
})

test('an error of the run reaches every item of that batch and no other', async () => {
  const { run, batch } = controlledRun()
  const batcher = new Batcher(run, { maxSize: 2, maxInFlight: 2 })
  const results = [1, 2, 3].map((item) => batcher.submit(item))
  const settled = Promise.allSettled(results)
  ;(await batch(0)).fail(new Error('broken'))
  ;(await batch(1)).end()
  expect((await settled).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled'])
})

test('a batch with a poison item is halved until the item stands alone', async () => {
  const asked: number[] = []
  const run = async (items: readonly number[]) => {
    asked.push(items.length)
    if (items.includes(5)) throw new Failure('JW_STORE_REJECTED', 'poison')
    return items.map((item) => item * 10)
  }
  const results = await isolateFailures([1, 2, 3, 4, 5, 6, 7, 8], run)
  expect(results.filter((result) => result instanceof Failure)).toHaveLength(1)
  expect(results[4]).toMatchObject({ code: 'JW_STORE_REJECTED' })
  expect(results.filter((result) => typeof result === 'number')).toEqual([10, 20, 30, 40, 60, 70, 80])
  expect(asked.length).toBeLessThanOrEqual(7)
})

test('a batch that fails because a server is down is not tried in parts', async () => {
  let asked = 0
  const run = async () => {
    asked += 1
    throw new Failure('JW_STORE_UNAVAILABLE', 'down')
  }
  await expect(isolateFailures([1, 2, 3, 4], run)).rejects.toMatchObject({ code: 'JW_STORE_UNAVAILABLE' })
  expect(asked).toBe(1)
})
