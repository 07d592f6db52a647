import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { checkpointText, parseCheckpointText } from '../../../src/audit/tree/checkpoint-text.ts'
import { openCheckpoint, signCheckpoint, withCosignatures } from '../../../src/audit/tree/checkpoints.ts'
import { emptyRoot, leafHash } from '../../../src/audit/tree/hashes.ts'
import { proveConsistency, proveInclusion } from '../../../src/audit/tree/make-proofs.ts'
import { cosign, signText } from '../../../src/audit/tree/note-signatures.ts'
import { noteText, parseNote, signatureLines } from '../../../src/audit/tree/notes.ts'
import { parseProofFile, proofFileText, verifyProofFile } from '../../../src/audit/tree/proof-file.ts'
import { GrownTree, NaiveTree, entryOf, newKey, valueOf } from '../../support/audit-tree.ts'

const key = newKey('log.example/audit')
const log = { origin: key.name, keys: [key] }
const witness = newKey('w1.example', 'cosignature/v1')
const stranger = newKey('w9.example', 'cosignature/v1')
const entries = Array.from({ length: 20 }, (_, index) => entryOf(index))
const tree = new GrownTree(entries)
const naive = new NaiveTree(entries)
const headOf = (size: number) => ({ size, root: naive.root(0, size) })
const signed = valueOf(signCheckpoint(key, headOf(20), undefined, []))
const textOf = (note: string) => valueOf(parseNote(note)).text

describe('the text of a checkpoint', () => {
  const SPECIFIED = 'example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n'

  test('is that of the specification', () => {
    const read = valueOf(parseCheckpointText(SPECIFIED))
    expect(read).toMatchObject({ origin: 'example.com/behind-the-sofa', size: 20_852_163, extensions: [] })
    expect(checkpointText(read)).toBe(SPECIFIED)
  })

  test('keeps lines that others add', () => {
    const text = `${SPECIFIED}one\ntwo 2\n`
    expect(valueOf(parseCheckpointText(text)).extensions).toEqual(['one', 'two 2'])
    expect(checkpointText(valueOf(parseCheckpointText(text)))).toBe(text)
  })

  const [origin = '', size = '', root = ''] = SPECIFIED.split('\n')
  test.each([
    ['nothing', '', /line feed/],
    ['one line', `${origin}\n`, /second line/],
    ['two lines', `${origin}\n${size}\n`, /third line/],
    ['no line feed at its end', `${origin}\n${size}\n${root}`, /line feed/],
    ['no origin', `\n${size}\n${root}\n`, /origin/],
    ['an empty line at its end', `${SPECIFIED}\n`, /empty line/],
    ['an empty line between others', `${SPECIFIED}a\n\nb\n`, /empty line/],
    ['a leading zero', `${origin}\n0${size}\n${root}\n`, /second line/],
    ['a sign', `${origin}\n+5\n${root}\n`, /second line/],
    ['a negative size', `${origin}\n-5\n${root}\n`, /second line/],
    ['a size in hex', `${origin}\n0x5\n${root}\n`, /second line/],
    ['an exponent', `${origin}\n1e3\n${root}\n`, /second line/],
    ['a size past 2^53', `${origin}\n9007199254740992\n${root}\n`, /second line/],
    ['a size with a space', `${origin}\n5 \n${root}\n`, /second line/],
    ['digits of another script', `${origin}\n٥\n${root}\n`, /second line/],
    ['a short root', `${origin}\n5\n${Buffer.alloc(31).toString('base64')}\n`, /third line/],
    ['a root that is not padded', `${origin}\n5\n${root.slice(0, -1)}\n`, /third line/],
    ['a root with loose bits', `${origin}\n5\n${root.replace('2I=', '2J=')}\n`, /third line/],
    ['a root in hex', `${origin}\n5\n${'0'.repeat(64)}\n`, /third line/],
  ])('with %s is refused', (_what, text, message) => {
    expect(parseCheckpointText(text)).toEqual({
      refused: { code: 'malformed_checkpoint', message: expect.stringMatching(message) },
    })
  })

  test('whatever is read is written as it was', () => {
    const part = fc.constantFrom('a', '0', '17', root, '\n', '\n\n', ' ')
    fc.assert(
      fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
        const text = parts.join('')
        const read = parseCheckpointText(text)
        expect('value' in read ? checkpointText(read.value) : text).toBe(text)
      }),
      { numRuns: 2_000 },
    )
  })
})

describe('signing', () => {
  test('makes a note whose origin is the name of the key', () => {
    expect(textOf(signed)).toBe(`log.example/audit\n20\n${headOf(20).root.toString('base64')}\n`)
    expect(valueOf(openCheckpoint(signed, log, [])).checkpoint).toEqual({
      ...headOf(20),
      origin: key.name,
      extensions: [],
    })
  })

  test('an empty tree has a checkpoint', () => {
    const note = valueOf(signCheckpoint(key, headOf(0), undefined, []))
    expect(textOf(note)).toBe('log.example/audit\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n')
  })

  test('the same tree again gives the same bytes', () => {
    expect(valueOf(signCheckpoint(key, headOf(20), headOf(20), []))).toBe(signed)
  })

  test('a tree that grew is signed with the proof', async () => {
    for (let from = 0; from <= 20; from++)
      expect(valueOf(signCheckpoint(key, headOf(20), headOf(from), await proveConsistency(from, 20, tree.read)))).toBe(
        signed,
      )
  })

  test('a tree that shrank, or forked, is not signed', async () => {
    const proof = await proveConsistency(13, 20, tree.read)
    expect(signCheckpoint(key, headOf(13), headOf(20), proof)).toMatchObject({ refused: { code: 'rolled_back' } })
    const forks = [
      signCheckpoint(key, { size: 20, root: leafHash(entryOf(0)) }, headOf(13), proof),
      signCheckpoint(key, { size: 13, root: leafHash(entryOf(0)) }, headOf(13), []),
      signCheckpoint(key, headOf(20), { size: 13, root: leafHash(entryOf(0)) }, proof),
      signCheckpoint(key, headOf(20), headOf(13), []),
      signCheckpoint(key, headOf(20), headOf(13), proof.slice(1)),
    ]
    for (const fork of forks) expect(fork).toMatchObject({ refused: { code: 'inconsistent' } })
  })
})

describe('opening', () => {
  const cosigned = valueOf(
    withCosignatures(
      signed,
      signatureLines([cosign(textOf(signed), witness, 100), cosign(textOf(signed), stranger, 100)]),
      [witness],
    ),
  )

  test('tells the cosignatures of known witnesses, with their times', () => {
    expect(valueOf(openCheckpoint(cosigned, log, [witness, stranger])).cosignatures).toMatchObject([
      { name: 'w1.example', time: 100 },
    ])
    expect(valueOf(openCheckpoint(cosigned, log, [])).cosignatures).toEqual([])
    expect(valueOf(openCheckpoint(Buffer.from(cosigned), log, [witness])).cosignatures).toHaveLength(1)
  })

  test("a witness's signature does not stand in for the log's", () => {
    const note = noteText({ text: textOf(signed), signatures: [cosign(textOf(signed), witness, 100)] })
    expect(openCheckpoint(note, log, [witness])).toMatchObject({ refused: { code: 'unsigned' } })
  })

  test("the log's signature does not stand in for a witness's", () => {
    expect(valueOf(openCheckpoint(signed, log, [key])).cosignatures).toEqual([])
  })

  test('a checkpoint of another log is refused, though the same key signed it', () => {
    const text = checkpointText({ origin: 'other.example', extensions: [], ...headOf(20) })
    const note = noteText({ text, signatures: [signText(text, key)] })
    expect(openCheckpoint(note, log, [])).toMatchObject({ refused: { code: 'other_origin' } })
  })

  test('a note that is no checkpoint, and what is no note, are refused', () => {
    const note = noteText({ text: 'text\n', signatures: [signText('text\n', key)] })
    expect(openCheckpoint(note, log, [])).toMatchObject({ refused: { code: 'malformed_checkpoint' } })
    expect(openCheckpoint('', log, [])).toMatchObject({ refused: { code: 'malformed_note' } })
  })

  test('a cosignature that a known witness did not make is refused', () => {
    const forged = { ...cosign(textOf(signed), witness, 100), bytes: cosign(textOf(signed), stranger, 100).bytes }
    const note = noteText({ text: textOf(signed), signatures: [...valueOf(parseNote(signed)).signatures, forged] })
    expect(openCheckpoint(note, log, [witness])).toMatchObject({ refused: { code: 'bad_signature' } })
    expect(openCheckpoint(note, log, [])).toMatchObject({ value: {} })
  })

  test('a witness that cosigned many times counts once, with its latest time', () => {
    const times = [200, 400, 300]
    const signatures = times.map((time) => cosign(textOf(signed), witness, time))
    const note = noteText({
      text: textOf(signed),
      signatures: [...valueOf(parseNote(signed)).signatures, ...signatures],
    })
    expect(valueOf(openCheckpoint(note, log, [witness])).cosignatures).toMatchObject([{ time: 400 }])
  })

  test('a later cosignature takes the place of an earlier one', () => {
    const later = valueOf(withCosignatures(cosigned, signatureLines([cosign(textOf(signed), witness, 500)]), [witness]))
    expect(valueOf(parseNote(later)).signatures).toHaveLength(2)
    expect(valueOf(openCheckpoint(later, log, [witness])).cosignatures).toMatchObject([{ time: 500 }])
  })

  test('an answer without a cosignature of a known witness is refused', () => {
    const unknown = signatureLines([cosign(textOf(signed), stranger, 100)])
    expect(withCosignatures(signed, unknown, [witness])).toMatchObject({ refused: { code: 'unsigned' } })
    const other = textOf(signed).replace('\n20\n', '\n21\n')
    const wrong = signatureLines([cosign(other, witness, 100)])
    expect(withCosignatures(signed, wrong, [witness])).toMatchObject({ refused: { code: 'bad_signature' } })
    expect(withCosignatures(signed, '', [witness])).toMatchObject({ refused: { code: 'malformed_note' } })
    expect(withCosignatures('', unknown, [witness])).toMatchObject({ refused: { code: 'malformed_note' } })
  })
})

describe('proof files', () => {
  const leaf = leafHash(entryOf(7))
  const file = async (extra?: Buffer) =>
    proofFileText({
      ...(extra !== undefined && { extra }),
      index: 7,
      proof: await proveInclusion(7, 20, tree.read),
      checkpoint: signed,
    })

  test('are written as they are read, with extra data and without', async () => {
    for (const extra of [undefined, Buffer.alloc(0), Buffer.from('anything')]) {
      const text = await file(extra)
      expect(proofFileText(valueOf(parseProofFile(text)))).toBe(text)
      expect(valueOf(parseProofFile(Buffer.from(text))).extra).toEqual(extra)
    }
  })

  test('show that the log has the leaf', async () => {
    const opened = valueOf(verifyProofFile(valueOf(parseProofFile(await file())), leaf, log, []))
    expect(opened.checkpoint.size).toBe(20)
  })

  test('of a tree with one leaf have no hashes', () => {
    const one = valueOf(signCheckpoint(key, headOf(1), undefined, []))
    const text = proofFileText({ index: 0, proof: [], checkpoint: one })
    expect(text).toMatch(/^c2sp\.org\/tlog-proof@v1\nindex 0\n\nlog\.example\/audit\n1\n/)
    expect(verifyProofFile(valueOf(parseProofFile(text)), leafHash(entryOf(0)), log, [])).toHaveProperty('value')
  })

  test('show no other leaf, no other index, and nothing of another log', async () => {
    const read = valueOf(parseProofFile(await file()))
    const refused = (result: unknown) => expect(result).toMatchObject({ refused: { code: expect.any(String) } })
    refused(verifyProofFile(read, leafHash(entryOf(8)), log, []))
    refused(verifyProofFile({ ...read, index: 8 }, leaf, log, []))
    refused(verifyProofFile({ ...read, proof: read.proof.slice(1) }, leaf, log, []))
    refused(verifyProofFile(read, leaf, { origin: log.origin, keys: [newKey(log.origin)] }, []))
    refused(verifyProofFile(read, leaf, { ...log, origin: 'other' }, []))
  })

  test.each([
    ['another version', (text: string) => text.replace('@v1', '@v2'), /begin/],
    ['no index', (text: string) => text.replace('index 7\n', ''), /index/],
    ['a leading zero', (text: string) => text.replace('index 7', 'index 07'), /index/],
    ['extra data twice', (text: string) => text.replace('index', 'extra AA==\nextra AA==\nindex'), /index/],
    ['extra data after the index', (text: string) => text.replace('index 7\n', 'index 7\nextra AA==\n'), /not a hash/],
    ['extra data that is not in base64', (text: string) => text.replace('index', 'extra !\nindex'), /extra/],
    ['a short hash', (text: string) => text.replace('index 7\n', 'index 7\nAAAA\n'), /not a hash/],
    [
      'a proof that is endless',
      (text: string) => text.replace('index 7\n', `index 7\n${'AAAA\n'.repeat(64)}`),
      /at most 63/,
    ],
    ['no empty line', (text: string) => text.replaceAll('\n\n', '\n'), /empty line/],
  ])('with %s are refused', async (_what, change, message) => {
    expect(parseProofFile(change(await file()))).toEqual({
      refused: { code: 'malformed_proof', message: expect.stringMatching(message) },
    })
  })

  test('in Latin-1 are refused', () => {
    expect(parseProofFile(Buffer.from('é', 'latin1'))).toMatchObject({ refused: { message: 'the file is not UTF-8' } })
  })
})

test('the empty root is that of RFC 6962', () => {
  expect(emptyRoot().toString('base64')).toBe('47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=')
})
