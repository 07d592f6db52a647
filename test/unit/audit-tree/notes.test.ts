import { sign } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { checkpointText } from '../../../src/audit/tree/checkpoint-text.ts'
import { leafHash } from '../../../src/audit/tree/hashes.ts'
import { parseVerifierKey, verifierKeyText } from '../../../src/audit/tree/note-keys.ts'
import { cosign, signText, verifySignature } from '../../../src/audit/tree/note-signatures.ts'
import { MAX_SIGNATURES, noteText, parseNote, verifyNote } from '../../../src/audit/tree/notes.ts'
import { newKey, valueOf } from '../../support/audit-tree.ts'

// The examples of C2SP signed-note.
const VKEY = 'example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k'
const NOTE = `This is an example message.

— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=
`
const POEM = `Ognuno sta solo sul cuor della terra
trafitto da un raggio di sole:

ed è subito sera.

— quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=
`

const signer = newKey('log.example')
const signed = (text: string, key = signer) => noteText({ text, signatures: [signText(text, key)] })
const line = signed('x\n').slice('x\n\n'.length)

describe('the examples of the specification', () => {
  test('the note verifies with its key, and that key is written as it was read', () => {
    const key = valueOf(parseVerifierKey(VKEY))
    expect(key).toMatchObject({ name: 'example.com/foo', id: '530d903a', kind: 'ed25519' })
    const { text, verified } = valueOf(verifyNote(valueOf(parseNote(NOTE)), [key]))
    expect(text).toBe('This is an example message.\n')
    expect(verified).toMatchObject([{ name: 'example.com/foo', id: '530d903a', time: undefined }])
    expect(verifierKeyText(key)).toBe(VKEY)
  })

  test.each([NOTE, POEM])('a note is written as it was read', (note) => {
    expect(noteText(valueOf(parseNote(note)))).toBe(note)
    expect(valueOf(parseNote(Buffer.from(note)))).toEqual(valueOf(parseNote(note)))
  })

  test('empty lines of the text are text', () => {
    expect(valueOf(parseNote(POEM)).text).toMatch(/sole:\n\ned è subito sera\.\n$/)
  })
})

describe('a note that is malformed is refused', () => {
  const malformed: readonly (readonly [string, string | Uint8Array, RegExp])[] = [
    ['nothing', '', /no empty line/],
    ['without signatures', 'text\n', /no empty line/],
    ['with an empty line and no signatures', 'text\n\n', /does not end with a line/],
    ['without a line feed at its end', `text\n\n${line.trimEnd()}`, /does not end with a line/],
    ['with an empty line at its end', `text\n\n${line}\n`, /does not end with a line/],
    ['with carriage returns', `text\r\n\r\n${line}`, /control/],
    ['with a tab', `te\txt\n\n${line}`, /control/],
    ['with a NUL', `te\0xt\n\n${line}`, /control/],
    ['with a hyphen for the dash', `text\n\n${line.replace('—', '-')}`, /no signature/],
    ['without a space after the dash', `text\n\n${line.replace('— ', '—')}`, /no signature/],
    ['with two spaces', `text\n\n${line.replace('example ', 'example  ')}`, /no signature/],
    ['with more after a signature', `text\n\n${line.replace('\n', ' x\n')}`, /no signature/],
    ['with a line that is no signature', `text\n\n${line}more\n`, /no signature/],
    ['with a name that has a plus', `text\n\n${line.replace('log.', 'log+')}`, /no signature/],
    ['with a name that has a no-break space', `text\n\n${line.replace('log.', 'log\u00a0')}`, /no signature/],
    ['with a name that has a next-line', `text\n\n${line.replace('log.', 'log\u0085')}`, /no signature/],
    ['without a signature on a line', 'text\n\n— log.example\n', /no signature/],
    ['with base64 that is not padded', `text\n\n${line.replace('=\n', '\n')}`, /base64/],
    ['with base64 for URLs', 'text\n\n— log.example AAAA_-8A\n', /base64/],
    ['with loose bits in base64', 'text\n\n— log.example AAAAAAB=\n', /base64/],
    ['with an id and no signature', 'text\n\n— log.example AAAAAA==\n', /base64/],
    ['in Latin-1', Buffer.from(`t\u00e9xt\n\n`, 'latin1'), /UTF-8/],
    ['with a lone surrogate', `te\ud800xt\n\n${line}`, /UTF-8/],
    ['with more signatures than are needed', `text\n\n${line.repeat(MAX_SIGNATURES + 1)}`, /more than 100/],
    ['that is huge', `${'x'.repeat(1_048_576)}\n\n${line}`, /megabyte/],
  ]
  test.each(malformed)('%s', (_what, note, message) => {
    const refused = { code: 'malformed_note', message: expect.stringMatching(message) }
    expect(parseNote(note)).toEqual({ refused })
  })

  test('a byte order mark is a part of the text, not dropped from it', () => {
    const note = signed('\ufefftext\n')
    expect(valueOf(parseNote(Buffer.from(note))).text).toBe('\ufefftext\n')
    expect(valueOf(verifyNote(valueOf(parseNote(Buffer.from(note))), [signer])).verified).toHaveLength(1)
  })

  test('nor is one written', () => {
    for (const text of ['', 'no line feed', 'a\ttab\n'])
      expect(() => noteText({ text, signatures: [signText(text, signer)] })).toThrow(/JW_UNEXPECTED/)
    expect(() => noteText({ text: 'text\n', signatures: [] })).toThrow(/JW_UNEXPECTED/)
    const named = { ...signText('text\n', signer), name: 'a b' }
    expect(() => noteText({ text: 'text\n', signatures: [named] })).toThrow(/JW_UNEXPECTED/)
  })
})

describe('signatures', () => {
  const other = newKey('other.example')
  const TEXT = 'text\n\nof three lines\n'
  const note = valueOf(parseNote(noteText({ text: TEXT, signatures: [signText(TEXT, other), signText(TEXT, signer)] })))

  test('of unknown keys are passed over', () => {
    expect(valueOf(verifyNote(note, [signer])).verified).toMatchObject([{ name: 'log.example' }])
    expect(valueOf(verifyNote(note, [signer, other])).verified).toHaveLength(2)
  })

  test('that share a name or an id with a known key, and not both, are of an unknown one', () => {
    const good = signText(TEXT, signer)
    const namesake = { ...good, id: '00000000' }
    const sameId = { ...good, name: 'other.example' }
    expect(valueOf(verifyNote({ text: TEXT, signatures: [namesake, sameId, good] }, [signer])).verified).toEqual([
      { ...good, time: undefined },
    ])
  })

  test('of unknown keys alone make no signed note', () => {
    expect(verifyNote(note, [newKey('log.example')])).toMatchObject({ refused: { code: 'unsigned' } })
    expect(verifyNote(note, [])).toMatchObject({ refused: { code: 'unsigned' } })
  })

  test('that a known key did not make are refused, beside good ones too', () => {
    const forged = { ...signText('text\n', signer) }
    for (const signatures of [
      [forged, signText(TEXT, other)],
      [signText(TEXT, other), signText(TEXT, signer), forged],
    ])
      expect(verifyNote({ text: TEXT, signatures }, [signer, other])).toMatchObject({
        refused: { code: 'bad_signature', message: expect.stringContaining(`log.example+${signer.id}`) },
      })
  })

  test('at least sixteen are read, and a known one at the end is found', () => {
    const many = Array.from({ length: MAX_SIGNATURES - 1 }, (_, at) => signText(TEXT, newKey(`log${at}.example`)))
    const full = valueOf(parseNote(noteText({ text: TEXT, signatures: [...many, signText(TEXT, signer)] })))
    expect(valueOf(verifyNote(full, [signer])).verified).toHaveLength(1)
  })

  test('verify with the name and the id of their key alone', () => {
    const good = signText(TEXT, signer)
    expect(verifySignature(TEXT, signer, good)).toMatchObject({ time: undefined })
    expect(verifySignature(TEXT, signer, { ...good, name: 'other.example' })).toBeUndefined()
    expect(verifySignature(TEXT, signer, { ...good, id: '00000000' })).toBeUndefined()
    for (const bytes of [
      Buffer.concat([good.bytes, Buffer.of(0)]),
      good.bytes.subarray(1),
      Buffer.of(0),
      Buffer.alloc(0),
    ])
      expect(verifySignature(TEXT, signer, { ...good, bytes })).toBeUndefined()
    expect(verifySignature(`${TEXT} `, signer, good)).toBeUndefined()
  })

  test('two different keys of one name and id are a mistake of who configured them', () => {
    const twin = { ...newKey('log.example'), id: signer.id }
    expect(() => verifyNote(note, [signer, twin])).toThrow(/JW_CONFIG_INVALID/)
    expect(valueOf(verifyNote(note, [signer, signer])).verified).toHaveLength(1)
  })
})

describe('whatever is changed of a note, it is refused or says the same', () => {
  const TEXT = 'log.example\n5\nsomething\n'
  const note = signed(TEXT)
  const bytes = Buffer.from(note)

  test('every bit of it', () => {
    const accepted: string[] = []
    for (let at = 0; at < bytes.length; at++)
      for (let bit = 0; bit < 8; bit++) {
        const changed = Buffer.from(bytes)
        changed.writeUInt8(changed.readUInt8(at) ^ (1 << bit), at)
        const read = parseNote(changed)
        if ('value' in read && 'value' in verifyNote(read.value, [signer])) accepted.push(`${at}/${bit}`)
      }
    expect(accepted).toEqual([])
  })

  test('pieces that are cut out, doubled or put in', () => {
    const piece = fc.oneof(
      fc.constant(''),
      fc.constant(line),
      fc.constantFrom('\n', '\n\n', '— ', 'a', ' '),
      fc.string(),
    )
    fc.assert(
      fc.property(fc.nat(note.length), fc.nat(note.length), piece, (one, other, put) => {
        const changed = note.slice(0, Math.min(one, other)) + put + note.slice(Math.max(one, other))
        const read = parseNote(changed)
        const verified = 'value' in read ? verifyNote(read.value, [signer]) : read
        expect('value' in verified ? verified.value.text : TEXT).toBe(TEXT)
      }),
      { numRuns: 2_000 },
    )
  })

  test('any text at all is read or refused, and what is read is written as it was', () => {
    const texts = fc.array(fc.constantFrom('— ', 'a', ' AAAAAAA=', '\n', '\n\n', '+', 'é'), { maxLength: 20 })
    fc.assert(
      fc.property(
        fc.oneof(
          texts.map((parts) => parts.join('')),
          fc.string({ unit: 'binary' }),
        ),
        (text) => {
          const read = parseNote(text)
          return 'refused' in read || noteText(read.value) === text
        },
      ),
      { numRuns: 3_000 },
    )
    expect('value' in parseNote('a\n\n— a AAAAAAA=\n')).toBe(true)
  })
})

describe('cosignatures', () => {
  const witness = newKey('w.example', 'cosignature/v1')
  const text = checkpointText({ origin: 'log.example', size: 3, root: leafHash(Buffer.alloc(0)), extensions: [] })

  test('verify with the time that they were made at', () => {
    const made = cosign(text, witness, 1_679_315_147)
    expect(made.bytes).toHaveLength(72)
    expect(made.bytes.readBigUInt64BE()).toBe(1_679_315_147n)
    expect(verifySignature(text, witness, made)).toMatchObject({ time: 1_679_315_147 })
  })

  test('of another time, text, length or kind do not verify', () => {
    const made = cosign(text, witness, 1_679_315_147)
    const retimed = Buffer.from(made.bytes)
    retimed.writeUInt8(retimed.readUInt8(7) ^ 1, 7)
    expect(verifySignature(text, witness, { ...made, bytes: retimed })).toBeUndefined()
    expect(verifySignature(text.replace('\n3\n', '\n4\n'), witness, made)).toBeUndefined()
    expect(verifySignature(text, witness, { ...made, bytes: made.bytes.subarray(8) })).toBeUndefined()
    // The same key and id, taken for one that signs notes.
    expect(verifySignature(text, { ...witness, kind: 'ed25519' }, made)).toBeUndefined()
  })

  test.each([0, -1, 1.5, 2 ** 53, Number.NaN])('are not made at the time %d', (time) => {
    expect(() => cosign(text, witness, time)).toThrow(/JW_UNEXPECTED/)
  })

  test('are on checkpoints alone, and only by keys that cosign', () => {
    expect(() => cosign('text\n', witness, 1)).toThrow(/JW_UNEXPECTED/)
    expect(() => cosign(text, signer, 1)).toThrow(/JW_UNEXPECTED/)
    expect(() => signText(text, witness)).toThrow(/JW_UNEXPECTED/)
  })

  test('that leave the time out, or set it past 2^53, do not verify though their key made them', () => {
    const madeAt = (time: bigint) => {
      const bytes = Buffer.alloc(8)
      bytes.writeBigUInt64BE(time)
      const message = Buffer.from(`cosignature/v1\ntime ${time}\n${text}`)
      const signature = sign(null, message, witness.privateKey)
      return { name: witness.name, id: witness.id, bytes: Buffer.concat([bytes, signature]) }
    }
    expect(verifySignature(text, witness, madeAt(1n))).toMatchObject({ time: 1 })
    for (const time of [0n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n])
      expect(verifySignature(text, witness, madeAt(time))).toBeUndefined()
  })
})
