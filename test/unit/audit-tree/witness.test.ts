import { hash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { addCheckpointBody, parseAddCheckpoint, parseSizeAnswer } from '../../../src/audit/tree/add-checkpoint.ts'
import { checkpointText } from '../../../src/audit/tree/checkpoint-text.ts'
import { openCheckpoint, signCheckpoint, withCosignatures } from '../../../src/audit/tree/checkpoints.ts'
import { type TreeHead, emptyRoot, leafHash } from '../../../src/audit/tree/hashes.ts'
import { proveConsistency } from '../../../src/audit/tree/make-proofs.ts'
import { signText } from '../../../src/audit/tree/note-signatures.ts'
import { noteText, parseNote } from '../../../src/audit/tree/notes.ts'
import { addCheckpoint, monitoringPath } from '../../../src/audit/tree/witness.ts'
import { GrownTree, NaiveTree, entryOf, newKey, valueOf } from '../../support/audit-tree.ts'

const NOW = 1_764_115_200
const key = newKey('log.example/audit')
const witness = newKey('w.example', 'cosignature/v1')
const entries = Array.from({ length: 40 }, (_, index) => entryOf(index))
const tree = new GrownTree(entries)
const naive = new NaiveTree(entries)
const headOf = (size: number): TreeHead => ({ size, root: naive.root(0, size) })
const fork = (size: number): TreeHead => ({ size, root: leafHash(Buffer.from(`fork ${size}`)) })
const checkpointOf = (head: TreeHead, signer = key) => valueOf(signCheckpoint(signer, head, undefined, []))
const followed = (cosigned?: TreeHead) => ({ origin: key.name, keys: [key], cosigned })
const ask = (body: string | Uint8Array, cosigned?: TreeHead) =>
  addCheckpoint(parseAddCheckpoint(body), followed(cosigned), witness, NOW)
const grow = async (from: number, to: number) =>
  addCheckpointBody(from, await proveConsistency(from, to, tree.read), checkpointOf(headOf(to)))

describe('a checkpoint that grew out of the last one is cosigned', () => {
  test('from any size to any other', async () => {
    for (let to = 0; to <= 40; to++)
      for (let from = 0; from <= to; from++) {
        const { answer, next } = ask(await grow(from, to), from === 0 ? undefined : headOf(from))
        expect(answer).toMatchObject({ status: 200, contentType: 'text/plain; charset=utf-8' })
        expect(next).toMatchObject({ origin: key.name, from, tree: headOf(to) })
      }
  })

  test('and what is kept of it is the note that the log gets, for monitors to open', async () => {
    const { answer, next } = ask(await grow(5, 9), headOf(5))
    const log = { origin: key.name, keys: [key] }
    const cosigned = valueOf(withCosignatures(checkpointOf(headOf(9)), answer.body, [witness]))
    expect(valueOf(openCheckpoint(cosigned, log, [witness])).cosignatures).toMatchObject([{ time: NOW }])
    expect(next?.note).toBe(cosigned)
  })

  test('and signatures of unknown keys are left out of what is kept', async () => {
    const { text, signatures } = valueOf(parseNote(checkpointOf(headOf(9))))
    const note = noteText({ text, signatures: [signText(text, newKey('x.example')), ...signatures] })
    const { answer, next } = ask(addCheckpointBody(5, await proveConsistency(5, 9, tree.read), note), headOf(5))
    expect(answer.status).toBe(200)
    expect(valueOf(parseNote(next?.note ?? '')).signatures.map(({ name }) => name)).toEqual([key.name, 'w.example'])
  })

  test('the same tree again, with a new time', () => {
    const body = addCheckpointBody(9, [], checkpointOf(headOf(9)))
    const first = addCheckpoint(parseAddCheckpoint(body), followed(headOf(9)), witness, NOW)
    const second = addCheckpoint(parseAddCheckpoint(body), followed(headOf(9)), witness, NOW + 1)
    expect([first.answer.status, second.answer.status]).toEqual([200, 200])
    expect(first.answer.body).not.toBe(second.answer.body)
  })

  test('by any of the keys of the log', async () => {
    const other = newKey(key.name)
    const body = addCheckpointBody(0, [], checkpointOf(headOf(3), other))
    const log = { origin: key.name, keys: [key, other], cosigned: undefined }
    expect(addCheckpoint(parseAddCheckpoint(body), log, witness, NOW).answer.status).toBe(200)
  })
})

describe('everything else is refused, and nothing changes', () => {
  const refusal = (status: number) => ({
    answer: { status, contentType: expect.any(String), body: expect.stringMatching(/\n$/) },
  })

  test('404 for a log that it does not follow', async () => {
    const request = parseAddCheckpoint(await grow(0, 3))
    expect(addCheckpoint(request, undefined, witness, NOW)).toEqual(refusal(404))
    expect(addCheckpoint(request, { ...followed(), origin: 'other.example' }, witness, NOW)).toEqual(refusal(404))
  })

  test('403 without a signature of a known key, and with a forged one', async () => {
    expect(ask(addCheckpointBody(0, [], checkpointOf(headOf(3), newKey(key.name))))).toEqual(refusal(403))
    const body = await grow(0, 3)
    expect(ask(body.replace('\n3\n', '\n4\n'))).toEqual(refusal(403))
  })

  test('400 when the old size is larger', () => {
    expect(ask(addCheckpointBody(9, [], checkpointOf(headOf(5))), headOf(9))).toEqual(refusal(400))
  })

  test('409 with the last size when the old size is another', async () => {
    const { answer } = ask(await grow(5, 9), headOf(7))
    expect(answer).toEqual({ status: 409, contentType: 'text/x.tlog.size', body: '7\n' })
    expect(ask(await grow(5, 9)).answer).toMatchObject({ status: 409, body: '0\n' })
    expect(ask(await grow(0, 9), headOf(7)).answer).toMatchObject({ status: 409, body: '7\n' })
    expect(valueOf(parseSizeAnswer(answer.body))).toBe(7)
  })

  test('422 when the proof does not show it', async () => {
    const proof = await proveConsistency(5, 9, tree.read)
    expect(ask(addCheckpointBody(5, proof.slice(1), checkpointOf(headOf(9))), headOf(5))).toEqual(refusal(422))
    expect(ask(addCheckpointBody(5, [], checkpointOf(headOf(9))), headOf(5))).toEqual(refusal(422))
    expect(ask(addCheckpointBody(5, proof, checkpointOf(fork(9))), headOf(5))).toEqual(refusal(422))
    expect(ask(addCheckpointBody(5, proof, checkpointOf(headOf(9))), fork(5))).toEqual(refusal(422))
  })

  test('422 for another root of the same size', () => {
    expect(ask(addCheckpointBody(5, [], checkpointOf(fork(5))), headOf(5))).toEqual(refusal(422))
    expect(ask(addCheckpointBody(5, [fork(5).root], checkpointOf(headOf(5))), headOf(5))).toEqual(refusal(422))
  })

  test('422 for a proof from nothing, and for an empty tree with a root', () => {
    expect(ask(addCheckpointBody(0, [emptyRoot()], checkpointOf(headOf(5))))).toEqual(refusal(422))
    expect(ask(addCheckpointBody(0, [], checkpointOf(fork(0))))).toEqual(refusal(422))
    expect(ask(addCheckpointBody(0, [], checkpointOf(fork(0))), headOf(0))).toEqual(refusal(422))
  })

  const LAST = checkpointOf(headOf(9))
  test.each([
    ['nothing', ''],
    ['a checkpoint alone', LAST],
    ['no word before the size', `5\n\n${LAST}`],
    ['a leading zero', `old 05\n\n${LAST}`],
    ['a sign', `old -5\n\n${LAST}`],
    ['two spaces', `old  5\n\n${LAST}`],
    ['a size past 2^53', `old 9007199254740992\n\n${LAST}`],
    ['carriage returns', `old 0\r\n\r\n${LAST}`],
    ['a hash that is too short', `old 5\nAAAA\n\n${LAST}`],
    ['a hash that is not padded', `old 5\n${'A'.repeat(43)}\n\n${LAST}`],
    ['64 hashes', addCheckpointBody(5, Array.from({ length: 64 }, emptyRoot), LAST)],
    ['a note without signatures', `old 0\n\n${LAST.split('\n\n')[0]}\n`],
    ['a note that is no checkpoint', `old 0\n\n${noteText({ text: 'text\n', signatures: [signText('text\n', key)] })}`],
    ['bytes that are not UTF-8', Buffer.from([0x6f, 0x6c, 0x64, 0xff])],
  ])('400 for %s', (_what, body) => {
    expect(ask(body)).toEqual(refusal(400))
  })
})

test('whatever logs and attackers ask for, the trees that are cosigned never fork or shrink', async () => {
  const request = fc.record({
    old: fc.nat(40),
    to: fc.nat(40),
    from: fc.nat(40),
    forked: fc.boolean(),
    honest: fc.boolean(),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(request, { maxLength: 30 }), async (requests) => {
      let last: TreeHead | undefined
      for (const { old, to, from, forked, honest } of requests) {
        const oldSize = honest ? Math.min(last?.size ?? 0, to) : old
        const proofFrom = honest ? oldSize : Math.min(from, to)
        const proof = await proveConsistency(proofFrom, to, tree.read)
        const { answer, next } = ask(
          addCheckpointBody(oldSize, proof, checkpointOf(forked ? fork(to) : headOf(to))),
          last,
        )
        expect(next === undefined).toBe(answer.status !== 200)
        if (next === undefined) continue
        expect(next.from).toBe(last?.size ?? 0)
        // The first checkpoint is taken on trust, and from then on only one history is.
        const isTrusted = last !== undefined && last.size > 0 && last.root.equals(headOf(last.size).root)
        expect(!isTrusted || next.tree.root.equals(headOf(next.tree.size).root)).toBe(true)
        expect(next.tree.size).toBeGreaterThanOrEqual(last?.size ?? 0)
        last = next.tree
      }
    }),
    { numRuns: 100 },
  )
})

test('a body is read as it was written', async () => {
  const proof = await proveConsistency(13, 40, tree.read)
  const read = valueOf(parseAddCheckpoint(addCheckpointBody(13, proof, checkpointOf(headOf(40)))))
  expect(read).toMatchObject({ oldSize: 13, proof, checkpoint: { origin: key.name, size: 40 } })
  expect(noteText(read.note)).toBe(checkpointOf(headOf(40)))
})

test('a log may have lines of its own in a checkpoint', () => {
  const text = checkpointText({ origin: key.name, extensions: ['more'], ...headOf(3) })
  const note = noteText({ text, signatures: [signText(text, key)] })
  expect(ask(addCheckpointBody(0, [], note)).answer.status).toBe(200)
})

test.each(['', '7', '07\n', '7\n\n', 'x\n'])('"%s" is no size', (body) => {
  expect(parseSizeAnswer(body)).toMatchObject({ refused: { code: 'malformed_body' } })
})

test('monitors find a log by the hash of its origin', () => {
  expect(monitoringPath('log.example')).toBe(`${hash('sha256', 'log.example')}/checkpoint`)
})
