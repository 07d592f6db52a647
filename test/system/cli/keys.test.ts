import { readFile, stat, writeFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { NO_LIMITS } from '../../../src/domain/producer-limits.ts'
import { KeyFolder, LIMITED, ORDERS, SHOP } from '../../support/key-folder.ts'

const folder = KeyFolder.ofEachTest()

describe('make', () => {
  test('writes a key that only its owner may read, and never over another', async () => {
    const make = ['make', '--kid', 'reports', '--out', folder.file('new.json'), ...LIMITED]
    expect(await folder.run(...make)).toMatchObject({ status: 0, stderr: '' })
    expect((await stat(folder.file('new.json'))).mode & 0o777).toBe(0o600)
    expect(await folder.refusal(...make)).toMatch(/EEXIST/)
  })

  test('writes what the producer may do, all of it written out, and warns of each limit that is "all"', async () => {
    const flags = ['--users', 'user_*', 'svc', '--roles', 'user', '--lifetime-ms', '1000', '--producer', 'shop']
    const until = '2027-01-31T00:00:00Z'
    const out = folder.file('new.json')
    const { stderr } = await folder.run('make', '--kid', 'shop-1', '--out', out, ...flags, '--until', until)
    expect(stderr).toBe(
      'warning: "shop-1" may use every queue, every action, every type; --queues, --actions, --types, or "may" in the file, would limit that\n',
    )
    const may = { ...NO_LIMITS, users: ['user_*', 'svc'], roles: ['user'], lifetimeMs: 1000 }
    expect(await folder.read(out)).toMatchObject({ keys: [{ kid: 'shop-1', producer: 'shop', may, until }] })
  })

  test('takes "all" for all, and warns of everything', async () => {
    const out = folder.file('new.json')
    const { stderr } = await folder.run('make', '--kid', 'x', '--out', out, '--users', 'all', '--lifetime-ms', 'all')
    expect(stderr).toMatch(/every queue, every action, every type, every user, every role, any lifetime; /)
    expect(await folder.read(out)).toMatchObject({ keys: [{ may: NO_LIMITS }] })
  })

  test.each([
    [['--users', '*'], /--users: must be a name/],
    [['--users', 'all', 'user_1'], /--users: "all" stands in place of the list/],
    [['--actions', 'write'], /--actions: /],
    [['--lifetime-ms', '0'], /--lifetime-ms <ms>' .*not a whole number from 1 to/],
    [['--lifetime-ms', '1e3'], /--lifetime-ms <ms>' .*not a whole number/],
    [['--until', 'tomorrow'], /--until <moment>' .*not a moment such as/],
    [['--kid', '../x'], /--kid <name>' .*must be a plain name/],
    [['--producer', 'a b'], /--producer <name>' .*must be a plain name/],
    [['--public-out', 'public.json'], /--public-out: an HS256 key has no public part/],
  ])('refuses %j before it writes anything', async (flags, why) => {
    expect(await folder.refusal('make', '--kid', 'reports', '--out', folder.file('new.json'), ...flags)).toMatch(why)
  })

  test('writes both files of a key pair or none', async () => {
    const make = ['make', '--alg', 'EdDSA', '--kid', 'reports', '--out', folder.file('new.json'), '--public-out']
    expect(await folder.refusal(...make, folder.workersFile)).toMatch(/EEXIST/)
    expect((await folder.run(...make, folder.file('public.json'))).status).toBe(0)
    expect(await readFile(folder.file('public.json'), 'utf8')).not.toContain('"d"')
  })
})

describe('add', () => {
  test('puts a key that it makes into the file, and its signing part into a file for the producer', async () => {
    const add = [
      'add',
      '--into',
      folder.workersFile,
      '--kid',
      'reports',
      '--alg',
      'EdDSA',
      '--out',
      folder.file('reports.json'),
    ]
    const { stdout, stderr } = await folder.run(...add, ...LIMITED)
    expect(stderr).toBe('')
    expect(stdout).toBe(
      `wrote ${folder.file('reports.json')}\n` +
        `added reports to ${folder.workersFile}: read, update on document for user_*, svc as user through jobwarden-commands, living 1 min at most\n`,
    )
    const [own, after] = [await folder.read(folder.file('reports.json')), await folder.read()]
    expect(own).toMatchObject({ keys: [{ kid: 'reports', d: expect.any(String) }] })
    expect(after.keys[0]).toEqual(ORDERS)
    expect(after.keys[1]).toEqual({ ...own.keys[0], d: undefined })
    expect(after.served).toEqual([SHOP])
    expect(await folder.refusal(...add)).toMatch(/it has a key "reports" already/)
    expect(
      await folder.refusal('add', '--into', folder.workersFile, '--kid', 'orders', '--out', folder.file('o')),
    ).toMatch(/it has a key "orders" already/)
  })

  test('makes the file when it is not there, for its owner alone', async () => {
    const file = folder.file('first.json')
    expect((await folder.run('add', '--into', file, '--kid', 'a', '--out', folder.file('a.json'))).status).toBe(0)
    expect((await folder.read(file)).keys).toHaveLength(1)
    expect((await stat(file)).mode & 0o777).toBe(0o600)
  })

  test.each([
    ['a JWK Set', (key: unknown) => ({ keys: [key] })],
    ['a bare JWK', (key: unknown) => key],
  ])('takes a key of %s, with its limits unless flags give others, and without its private part', async (_of, wrap) => {
    await folder.run('make', '--alg', 'EdDSA', '--kid', 'reports', '--out', folder.file('own.json'), ...LIMITED)
    const [own] = (await folder.read(folder.file('own.json'))).keys
    await writeFile(folder.file('given.json'), JSON.stringify(wrap(own)))
    const flags = ['--producer', 'reporting', '--actions', 'read', '--users', 'all']
    const { status, stderr } = await folder.run(
      'add',
      '--into',
      folder.workersFile,
      '--from',
      folder.file('given.json'),
      ...flags,
    )
    expect({ status, stderr }).toEqual({ status: 0, stderr: expect.stringMatching(/"reports" may use every user;/) })
    const [, added] = (await folder.read()).keys
    const may = { ...own?.may, actions: ['read'], users: 'all' }
    expect(added).toEqual({ ...own, d: undefined, producer: 'reporting', may })
  })

  test('admits keys that the URL serves', async () => {
    const admit = ['add', '--into', folder.workersFile, '--producer', 'mail', '--served']
    expect((await folder.run(...admit, 'mail', 'mail-*', '--actions', 'read')).status).toBe(0)
    const mail = { producer: 'mail', kids: ['mail', 'mail-*'], may: { ...NO_LIMITS, actions: ['read'] } }
    expect((await folder.read()).served).toEqual([SHOP, mail])
    expect(await folder.refusal(...admit, 'shop-1')).toMatch(/served: must not name the same key .* for two producers/)
    expect(await folder.refusal(...admit, 'all')).toMatch(/served: must not name the same key/)
    expect(await folder.refusal('add', '--into', folder.workersFile, '--served', 'x')).toMatch(
      /--served: name by --producer/,
    )
  })

  test.each([
    [[], /name the key: by --kid and --out/],
    [['--kid', 'x'], /name the key: by --kid and --out/],
    [['--from', 'a.json', '--out', 'b.json'], /'--from <file>' cannot be used with option '--out <file>'/],
    [['--served', 'a', '--kid', 'b'], /'--served <kid...>' cannot be used with option '--kid <name>'/],
    [['--from', '/nowhere/key.json'], /--from \/nowhere\/key.json: it cannot be read/],
  ])('refuses %j', async (flags, why) => {
    expect(await folder.refusal('add', '--into', folder.workersFile, ...flags)).toMatch(why)
  })

  test('refuses a file of several keys, and one that holds something else', async () => {
    const from = ['add', '--into', folder.workersFile, '--from']
    await writeFile(folder.file('two.json'), JSON.stringify({ keys: [ORDERS, { ...ORDERS, kid: 'x' }] }))
    expect(await folder.refusal(...from, folder.file('two.json'))).toMatch(/two.json:\n {2}keys: must hold one key/)
    await writeFile(folder.file('odd.json'), JSON.stringify({ ...ORDERS, kid: 'x', use: 'sig' }))
    expect(await folder.refusal(...from, folder.file('odd.json'))).toMatch(
      /odd.json:\n {2}keys.0: Unrecognized key: "use"/,
    )
  })
})

describe('list', () => {
  const Listed = z.array(z.looseObject({ kids: z.unknown(), warnings: z.array(z.string()) }))

  test('shows whose the keys are, what they may do and what to look at', async () => {
    const old = { ...ORDERS, kid: 'orders-0', producer: 'orders', until: '2026-01-01T00:00:00Z' }
    await folder.keep({ keys: [ORDERS, old], served: [SHOP] })
    const { status, stdout } = await folder.run('list', folder.workersFile)
    expect(status).toBe(0)
    const [head, ...rows] = stdout.trim().split('\n')
    expect(head).toMatch(/^producer +key +from +algorithm +until +may +warnings$/)
    const words = 'every action on every type for user_\\* as user through every queue, living 1 h at most'
    expect(rows).toEqual([
      expect.stringMatching(`^orders +orders +file +HS256 +never +${words} +every queue, every action, every type$`),
      expect.stringMatching(`^orders +orders-0 +file +HS256 +2026-01-01T00:00:00Z +${words} +has ended, every queue`),
      expect.stringMatching(/^shop +shop-\* +URL +EdDSA +never +every action .* +every queue, .*any lifetime$/),
    ])
  })

  test('gives the same to programs, and no key', async () => {
    await folder.run(
      'add',
      '--into',
      folder.workersFile,
      '--kid',
      'a',
      '--alg',
      'EdDSA',
      '--out',
      folder.file('a.json'),
      ...LIMITED,
    )
    const listed = Listed.parse(JSON.parse((await folder.run('list', folder.workersFile, '--json')).stdout))
    expect(listed).toMatchObject([
      { kids: ['orders'], producer: 'orders', algorithm: 'HS256', until: null, may: ORDERS.may, from: 'file' },
      { kids: ['a'], producer: 'a', algorithm: 'EdDSA', warnings: [] },
      { kids: ['shop-*'], producer: 'shop', from: 'URL' },
    ])
    const own = Listed.parse(JSON.parse((await folder.run('list', folder.file('a.json'), '--json')).stdout))
    expect(own[0]?.warnings).toEqual(['private part: only the producer needs it'])
  })

  test('names what is wrong with a file, and quotes nothing of it', async () => {
    await writeFile(folder.workersFile, JSON.stringify({ keys: [{ ...ORDERS, k: 'c2hvcnQ' }] }))
    expect(await folder.refusal('list', folder.workersFile)).toMatch(
      /workers.json:\n {2}keys.0.k: must hold at least 32 bytes/,
    )
    expect(await folder.refusal('list', folder.file('nowhere.json'))).toMatch(/nowhere.json: it cannot be read/)
  })
})
