import { afterAll, beforeAll, expect, test } from 'vitest'
import { addCheckpointBody, parseAddCheckpoint, parseSizeAnswer } from '../../../src/audit/tree/add-checkpoint.ts'
import { openCheckpoint, signCheckpoint, withCosignatures } from '../../../src/audit/tree/checkpoints.ts'
import { type TreeHead, leafHash } from '../../../src/audit/tree/hashes.ts'
import { proveConsistency } from '../../../src/audit/tree/make-proofs.ts'
import { parseVerifierKey, verifierKeyText } from '../../../src/audit/tree/note-keys.ts'
import { addCheckpoint } from '../../../src/audit/tree/witness.ts'
import { GrownTree, NaiveTree, entryOf, newKey, valueOf } from '../../support/audit-tree.ts'
import { GoTlog, type GoWitness } from '../../support/go-tlog.ts'

const key = newKey('log.example/audit/test')
const ours = newKey('witness.example/ours', 'cosignature/v1')
const entries = Array.from({ length: 600 }, (_, index) => entryOf(index))
const tree = new GrownTree(entries)
const naive = new NaiveTree(entries)
const headOf = (size: number): TreeHead => ({ size, root: naive.root(0, size) })
const fork = (size: number): TreeHead => ({ size, root: leafHash(Buffer.from(`fork ${size}`)) })
const checkpointOf = (head: TreeHead, signer = key) => valueOf(signCheckpoint(signer, head, undefined, []))
const grow = async (from: number, to: number) =>
  addCheckpointBody(from, await proveConsistency(from, to, tree.read), checkpointOf(headOf(to)))

let go: GoTlog
let theirs: GoWitness
beforeAll(async () => {
  go = await GoTlog.obtain()
  theirs = await go.startWitness(verifierKeyText(key))
}, 600_000)
afterAll(() => theirs.stop())

async function ask(witness: GoWitness, body: string) {
  const answer = await fetch(`${witness.url}/add-checkpoint`, { method: 'POST', body })
  return { status: answer.status, contentType: answer.headers.get('content-type'), body: await answer.text() }
}

test('the witness of transparency.dev cosigns our checkpoints as the log grows', async () => {
  const log = { origin: key.name, keys: [key] }
  const witnesses = [valueOf(parseVerifierKey(theirs.key))]
  let last = 0
  for (const size of [1, 2, 255, 256, 256, 257, 600]) {
    const answer = await ask(theirs, await grow(last, size))
    expect(answer.status).toBe(200)
    const cosigned = valueOf(withCosignatures(checkpointOf(headOf(size)), answer.body, witnesses))
    const { cosignatures } = valueOf(openCheckpoint(cosigned, log, witnesses))
    expect(cosignatures).toMatchObject([{ name: 'witness.example/go' }])
    expect(Math.abs((cosignatures[0]?.time ?? 0) - Date.now() / 1_000)).toBeLessThan(60)
    last = size
  }
})

/** The requests of a log that is honest, confused, forked or somebody else, in an order in which some are accepted. */
const requests: readonly (readonly [what: string, body: () => Promise<string>])[] = [
  ['an unknown log', async () => addCheckpointBody(0, [], checkpointOf(headOf(3), newKey('other.example')))],
  ['the first checkpoint', () => grow(0, 3)],
  ['a forged signature', async () => (await grow(3, 5)).replace('\n5\n', '\n6\n')],
  ['a signature of another key', async () => addCheckpointBody(3, [], checkpointOf(headOf(5), newKey(key.name)))],
  ['the first checkpoint again, from nothing', () => grow(0, 3)],
  ['the same checkpoint', () => grow(3, 3)],
  ['another root of the same size', async () => addCheckpointBody(3, [], checkpointOf(fork(3)))],
  ['a larger tree', () => grow(3, 300)],
  ['an old size of before', () => grow(3, 400)],
  ['an old size of later', () => grow(350, 400)],
  ['a smaller tree', async () => addCheckpointBody(300, [], checkpointOf(headOf(200)))],
  ['a proof too short', async () => (await grow(300, 400)).replace(/^(old 300\n)[^\n]+\n/, '$1')],
  ['no proof', async () => addCheckpointBody(300, [], checkpointOf(headOf(400)))],
  ['a fork', async () => (await grow(300, 400)).replace(/\n\n[^]*$/, `\n\n${checkpointOf(fork(400))}`)],
  ['an old size in words', async () => (await grow(300, 400)).replace('old 300', 'old three hundred')],
  ['a proof in hex', async () => (await grow(300, 400)).replace(/^(old 300\n)[^\n]+\n/, `$1${'zz!'.repeat(20)}\n`)],
  ['a larger tree after all of these', () => grow(300, 600)],
]

test('our witness answers as that of transparency.dev does, and both end with the same tree', async () => {
  const fresh = await go.startWitness(verifierKeyText(key))
  try {
    let cosigned: TreeHead | undefined
    const differing: unknown[] = []
    const conflicts: (readonly [ours: object, theirs: object])[] = []
    const statuses = new Set<number>()
    for (const [what, body] of requests) {
      const text = await body()
      const their = await ask(fresh, text)
      const request = parseAddCheckpoint(text)
      const isOurs = 'value' in request && request.value.checkpoint.origin === key.name
      const log = isOurs ? { origin: key.name, keys: [key], cosigned } : undefined
      const { answer, next } = addCheckpoint(request, log, ours, 1_764_115_200)
      if (answer.status !== their.status) differing.push([what, answer.status, their.status])
      if (answer.status === 409) conflicts.push([answer, their])
      if (next !== undefined) cosigned = next.tree
      statuses.add(answer.status)
    }
    // Where the specification wants 403, that witness fails.
    expect(differing).toEqual([
      ['a forged signature', 403, 500],
      ['a signature of another key', 403, 500],
    ])
    expect(statuses).toEqual(new Set([200, 400, 403, 404, 409, 422]))
    expect(conflicts.map(([answer]) => answer)).toEqual(conflicts.map(([, their]) => their))
    expect(cosigned).toEqual(headOf(600))
    const { body } = await ask(fresh, await grow(0, 1))
    expect(valueOf(parseSizeAnswer(body))).toBe(600)
  } finally {
    await fresh.stop()
  }
})
