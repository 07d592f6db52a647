import { readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { NO_LIMITS } from '../../../src/domain/producer-limits.ts'
import { HOUR_MS, KeyFolder, ORDERS, SHOP } from '../../support/key-folder.ts'

const folder = KeyFolder.ofEachTest()

describe('rotate', () => {
  const rotate = (...flags: readonly string[]) => ['rotate', '--into', folder.workersFile, '--kid', 'orders', ...flags]

  test('gives the successor the producer and the limits, and the old key a day and the life of its commands', async () => {
    const before = Date.now()
    const { stdout, stderr } = await folder.run(...rotate('--out', folder.file('next.json')))
    expect(stderr).toMatch(/may use every queue, every action, every type;/)
    const [old, next, ...others] = (await folder.read()).keys
    const name = `orders-${new Date(before).toISOString().slice(0, 10)}`
    expect(next).toMatchObject({ kid: name, producer: 'orders', alg: 'HS256', may: ORDERS.may })
    expect(next).not.toHaveProperty('until')
    expect(others).toEqual([])
    const until = Date.parse(old?.until ?? '')
    expect(until).toBeGreaterThanOrEqual(before + 25 * HOUR_MS)
    expect(until).toBeLessThanOrEqual(Date.now() + 25 * HOUR_MS)
    expect(await folder.read(folder.file('next.json'))).toEqual({ keys: [next] })
    expect(stdout).toContain(`orders ends at ${old?.until}\n`)
    expect(await folder.refusal(...rotate('--out', folder.file('other.json')))).toMatch(
      /it has a key "orders-.*" already/,
    )
  })

  test('goes on under the first name, by another algorithm and as often as one likes', async () => {
    await folder.run(...rotate('--out', folder.file('2.json'), '--new-kid', 'orders-2', '--alg', 'EdDSA'))
    const again = ['--kid', 'orders-2', '--new-kid', 'orders-3', '--out', folder.file('3.json')]
    expect((await folder.run('rotate', '--into', folder.workersFile, ...again)).status).toBe(0)
    const third = { kid: 'orders-3', producer: 'orders', alg: 'EdDSA', may: ORDERS.may }
    expect((await folder.read()).keys).toMatchObject([
      { kid: 'orders' },
      { kid: 'orders-2', producer: 'orders' },
      third,
    ])
    expect(await readFile(folder.workersFile, 'utf8')).not.toContain('"d"')
  })

  test('takes a successor that the producer has made', async () => {
    const make = ['make', '--alg', 'EdDSA', '--kid', 'orders-2', '--out', folder.file('2.json'), '--public-out']
    await folder.run(...make, folder.file('2-public.json'))
    expect((await folder.run(...rotate('--from', folder.file('2-public.json')))).status).toBe(0)
    expect((await folder.read()).keys[1]).toMatchObject({ kid: 'orders-2', producer: 'orders', may: ORDERS.may })
  })

  test('leaves an earlier end that the old key has', async () => {
    const until = new Date(Date.now() + HOUR_MS).toISOString()
    await folder.keep({ keys: [{ ...ORDERS, until }] })
    expect((await folder.run(...rotate('--out', folder.file('next.json')))).status).toBe(0)
    expect((await folder.read()).keys[0]).toMatchObject({ until })
  })

  test('takes an end that is later than the last command of the old key', async () => {
    const [early, late] = [0.9, 1.1].map((hours) => new Date(Date.now() + hours * HOUR_MS).toISOString())
    const out = ['--out', folder.file('next.json')]
    expect(await folder.refusal(...rotate(...out, '--until', early ?? ''))).toMatch(
      /--until: what "orders" signs now can live until/,
    )
    expect((await folder.run(...rotate(...out, '--until', late ?? ''))).status).toBe(0)
    expect((await folder.read()).keys[0]).toMatchObject({ until: late })
  })

  test('asks for an end where no lifetime gives one', async () => {
    await folder.keep({ keys: [{ ...ORDERS, may: NO_LIMITS }] })
    const out = ['--out', folder.file('next.json')]
    expect(await folder.refusal(...rotate(...out))).toMatch(/--until: commands of "orders" may live for any time/)
    expect(await folder.refusal(...rotate(...out, '--until', '2026-01-01T00:00:00Z'))).toMatch(
      /--until: what "orders" signs now can live/,
    )
  })

  test('refuses what cannot be a successor', async () => {
    expect(await folder.refusal(...rotate())).toMatch(/give --out for a successor .*, or --from/)
    const out = ['--out', folder.file('next.json')]
    expect(await folder.refusal(...rotate(...out, '--new-kid', 'orders'))).toMatch(/it has a key "orders" already/)
    expect(await folder.refusal(...rotate(...out, '--kid', 'shop-1'))).toMatch(
      /it has no key "shop-1"; keys of the JWKS URL/,
    )
    await folder.keep({ keys: [{ ...ORDERS, producer: 'o'.repeat(60) }] })
    expect(await folder.refusal(...rotate(...out))).toMatch(/--new-kid: name the successor, for ".*" is too long/)
  })
})

describe('retire', () => {
  const retire = (...flags: readonly string[]) => ['retire', '--into', folder.workersFile, ...flags]
  const LATE = '2099-01-31T00:00:00Z'

  test('ends a key at once, and says what that does to commands on a queue', async () => {
    const before = Date.now()
    const { stderr } = await folder.run(...retire('--kid', 'orders'))
    expect(stderr).toMatch(/^warning: commands that are still on a queue at .* will be "invalid"/)
    const [{ until = '' } = {}] = (await folder.read()).keys
    expect(Date.parse(until)).toBeGreaterThanOrEqual(before)
    expect(Date.parse(until)).toBeLessThanOrEqual(Date.now())
    expect(await folder.refusal(...retire('--kid', 'orders', '--at', LATE))).toMatch(
      /the key "orders" ends no later as it is/,
    )
  })

  test('ends a key at a moment, without a word when its commands have expired by then', async () => {
    expect(await folder.run(...retire('--kid', 'orders', '--at', LATE))).toMatchObject({ status: 0, stderr: '' })
    expect(await folder.read()).toEqual({ keys: [{ ...ORDERS, until: LATE }], served: [SHOP] })
  })

  test('ends all keys of a producer, those of the URL as well, and no other', async () => {
    const [second, reports] = [
      { ...ORDERS, kid: 'shop-0', producer: 'shop' },
      { ...ORDERS, kid: 'reports' },
    ]
    const ended = { ...ORDERS, kid: 'shop-00', producer: 'shop', until: '2098-01-01T00:00:00Z' }
    await folder.keep({ keys: [ended, second, reports], served: [SHOP, { ...SHOP, producer: 'mail', kids: ['mail'] }] })
    const { stdout } = await folder.run(...retire('--producer', 'shop', '--at', LATE))
    expect(stdout).toBe(`shop-0 ends at ${LATE}\nshop at the JWKS URL ends at ${LATE}\n`)
    expect(await folder.read()).toEqual({
      keys: [ended, { ...second, until: LATE }, reports],
      served: [
        { ...SHOP, until: LATE },
        { ...SHOP, producer: 'mail', kids: ['mail'] },
      ],
    })
  })

  test.each([
    [[], /say by --kid or --producer what ends/],
    [['--kid', 'nobody'], /it has nothing of the key "nobody"; keys of the JWKS URL end there, or by --producer/],
    [['--producer', 'nobody'], /it has nothing of the producer "nobody"/],
    [['--kid', 'a', '--producer', 'b'], /cannot be used with option/],
  ])('refuses %j', async (flags, why) => {
    expect(await folder.refusal(...retire(...flags))).toMatch(why)
  })
})
