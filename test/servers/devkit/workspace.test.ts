import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openWorkspace } from '../../../devkit/workspace.ts'

test('removes its folder with all that is in it', async () => {
  const workspace = await openWorkspace()
  await writeFile(join(await workspace.folder('some'), 'file'), 'text')
  await workspace.close()
  expect(existsSync(workspace.path)).toBe(false)
})

test('closes the latest first, and the folder last', async () => {
  const workspace = await openWorkspace()
  const order: string[] = []
  for (const name of ['first', 'second']) {
    workspace.defer(() => {
      order.push(`${name}, folder ${existsSync(workspace.path) ? 'there' : 'gone'}`)
      return Promise.resolve()
    })
  }
  await workspace.close()
  expect(order).toEqual(['second, folder there', 'first, folder there'])
})

test('closes the rest and removes the folder when one closing fails', async () => {
  const workspace = await openWorkspace()
  const closed: string[] = []
  workspace.defer(() => {
    closed.push('first')
    return Promise.resolve()
  })
  workspace.defer(() => Promise.reject(new Error('stuck')))
  await expect(workspace.close()).rejects.toThrow('could not close all')
  expect(closed).toEqual(['first'])
  expect(existsSync(workspace.path)).toBe(false)
  await workspace.close()
})
