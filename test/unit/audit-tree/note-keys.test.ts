import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { isKeyName, parseSigningKey, parseVerifierKey, verifierKeyText } from '../../../src/audit/tree/note-keys.ts'
import { newKey, valueOf } from '../../support/audit-tree.ts'

// The example of C2SP signed-note.
const VKEY = 'example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k'

describe('keys', () => {
  test.each(['log.example', 'log.example/audit/production', 'é', '名前', 'a-b_c.d~e'])('may be called %s', (name) => {
    expect(isKeyName(name)).toBe(true)
    const key = newKey(name)
    expect(valueOf(parseVerifierKey(verifierKeyText(key)))).toMatchObject({ name, id: key.id, kind: 'ed25519' })
  })

  test.each(['', ' ', 'a b', 'a+b', 'a\u00a0b', 'a\u0085b', 'a\u2003b', 'a\u3000b', 'a\nb', 'a\tb', 'a\0b', '\ud800'])(
    'may not be called "%s"',
    (name) => {
      expect(isKeyName(name)).toBe(false)
      expect(() => newKey(name)).toThrow(/malformed_key/)
    },
  )

  test('of another kind have another id', () => {
    const pem = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
    const [log, witness] = (['ed25519', 'cosignature/v1'] as const).map((kind) =>
      valueOf(parseSigningKey('w.example', kind, pem)),
    )
    expect(log?.id).not.toBe(witness?.id)
    expect(witness && valueOf(parseVerifierKey(verifierKeyText(witness)))).toMatchObject({ kind: 'cosignature/v1' })
  })

  const [name = '', id = '', key = ''] = VKEY.split('+')
  test.each([
    ['an id of another key', `${name}+530d903b+${key}`, 'wrong_key_id'],
    ['another name', `${name}x+${id}+${key}`, 'wrong_key_id'],
    ['another key', `${name}+${id}+${key.replace('Aeky', 'AekY')}`, 'wrong_key_id'],
    [
      'an unknown type',
      `${name}+${id}+${Buffer.concat([Buffer.of(6), Buffer.alloc(32)]).toString('base64')}`,
      'unknown_key_type',
    ],
    ['an id in capitals', `${name}+530D903A+${key}`, 'malformed_key'],
    ['a short id', `${name}+530d90+${key}`, 'malformed_key'],
    ['no key', `${name}+${id}+`, 'malformed_key'],
    ['a type alone', `${name}+${id}+AQ==`, 'malformed_key'],
    ['a key that is too long', `${name}+${id}+${Buffer.alloc(34, 1).toString('base64')}`, 'malformed_key'],
    ['base64 that is not padded', `${name}+${id}+${key}A`, 'malformed_key'],
    ['a line feed', `${VKEY}\n`, 'malformed_key'],
    ['a name with a space', `a b+${id}+${key}`, 'malformed_key'],
    ['no name', `+${id}+${key}`, 'malformed_key'],
    ['nothing', '', 'malformed_key'],
  ])('with %s are refused', (_what, text, code) => {
    expect(parseVerifierKey(text)).toMatchObject({ refused: { code } })
  })

  test('that cannot sign are refused without a word of what they are', () => {
    const passphrase = { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'secret' } as const
    const wrong = [
      'not a key',
      generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' }).toString(),
      generateKeyPairSync('x25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      generateKeyPairSync('ed25519').privateKey.export(passphrase).toString(),
    ]
    for (const pem of wrong)
      expect(parseSigningKey('log.example', 'ed25519', pem)).toEqual({
        refused: { code: 'malformed_key', message: 'it is not an unencrypted Ed25519 private key in PEM' },
      })
  })
})
