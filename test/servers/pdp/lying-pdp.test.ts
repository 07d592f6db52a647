import dns from 'node:dns'
import { describe, expect, test, vi } from 'vitest'
import { freePort } from '../../../devkit/free-port.ts'
import { PEOPLE, aCommand } from '../../support/a-command.ts'
import { BROKEN, FORMLESS, GOOD_BODY, type Lie, MISSHAPEN, STATUSES } from '../../support/lies.ts'
import { LyingPdp, allowAll, answers, decides, says } from '../../support/lying-pdp.ts'
import { type Encounter, delayed, meetPdp } from '../../support/meet-pdp.ts'
import { aBatch, openClient } from '../../support/pdp-client.ts'
import { enforce } from '../../support/recording-enforcement.ts'

/** A PDP that lies or breaks delays jobs. It never allows, never denies, and every failure has a name. */

async function meet({ script, code, why }: Lie): Promise<Encounter> {
  await using pdp = await LyingPdp.open(script)
  return await meetPdp({ url: pdp.url, ...(code === 'JW_PDP_TIMEOUT' && { timeoutMs: 150 }) }, why)
}

describe('a body that is no answer delays the job', () => {
  test.each(Object.entries(FORMLESS))('%s', async (_name, lie) => {
    expect(await meet(lie)).toEqual(delayed(lie.code))
  })
})

describe('decisions that are not quite delay the job', () => {
  test.each(Object.entries(MISSHAPEN))('%s', async (_name, lie) => {
    expect(await meet(lie)).toEqual(delayed(lie.code))
  })
})

describe('a status other than 200 delays the job, whatever its body says', () => {
  test.each(STATUSES)('%i', async (status, code) => {
    const script = says(status === 204 ? '' : GOOD_BODY, status)
    expect(await meet({ script, code, why: new RegExp(`answered ${status}`) })).toEqual(delayed(code))
  })

  test('a redirect to who would allow is not followed', async () => {
    await using other = await LyingPdp.open(allowAll)
    const location = `${other.url}/v1/data/jobs/decisions`
    const code = 'JW_PDP_BAD_RESPONSE'
    expect(await meet({ script: says('', 307, { location }), code })).toEqual(delayed(code))
    expect(other.questions).toEqual([])
  })
})

describe('an answer that breaks off or never ends delays the job', () => {
  test.each(Object.entries(BROKEN))('%s', async (_name, lie) => {
    expect(await meet(lie)).toEqual(delayed(lie.code))
  })
})

describe('nobody there delays the job', () => {
  test('on a closed port', async () => {
    const url = `http://127.0.0.1:${await freePort()}`
    expect(await meetPdp({ url }, /ECONNREFUSED/)).toEqual(delayed('JW_PDP_UNREACHABLE'))
  })

  test('at any address of a host, and the message names each', async () => {
    const lookup = vi.spyOn(dns, 'lookup').mockImplementation((...args: readonly unknown[]) => {
      const found = args.at(-1)
      const addresses = ['127.0.0.1', '127.0.0.2'].map((address) => ({ address, family: 4 }))
      if (typeof found === 'function') Reflect.apply(found, undefined, [null, addresses])
    })
    const why = /ECONNREFUSED 127\.0\.0\.1:\d+, .*ECONNREFUSED 127\.0\.0\.2:\d+/
    const encounter = await meetPdp({ url: `http://opa.example:${await freePort()}` }, why)
    lookup.mockRestore()
    expect(encounter).toEqual(delayed('JW_PDP_UNREACHABLE'))
  })

  test('at a socket that does not exist', async () => {
    expect(await meetPdp({ url: 'unix:/nowhere/opa.sock' }, /ENOENT/)).toEqual(delayed('JW_PDP_UNREACHABLE'))
  })

  test('without the token that it wants', async () => {
    await using pdp = await LyingPdp.open(allowAll)
    await using client = await openClient({ url: pdp.url, tokenFile: '/nowhere/token' })
    await expect(client.decide(aBatch(['a']))).rejects.toMatchObject({ code: 'JW_PDP_REJECTED', disposition: 'delay' })
    expect(pdp.questions).toEqual([])
  })
})

describe('a lie about one job of a batch costs that job an attempt, and no other anything', () => {
  const lies: Readonly<Record<string, unknown>> = {
    'the word true': { allow: 'true' },
    'the number 1': { allow: 1 },
    'no allow': {},
    null: null,
    'an allow with reasons': { allow: true, reasons: [] },
    'a denial without reasons': { allow: false },
    'no answer': undefined,
  }
  test.each(Object.entries(lies))('%s', async (_name, lie) => {
    await using pdp = await LyingPdp.open(answers((id) => (id === 'poor' ? lie : { allow: true })))
    await using client = await openClient({ url: pdp.url })
    const ids = ['a', 'b', 'poor', 'c']
    const decided = await client.decide(aBatch(ids))
    const allow = { effect: 'allow', policyRevision: 'r1' }
    const poison = { code: 'JW_PDP_POISON', disposition: 'attempt', message: expect.stringContaining(PATH) }
    expect(Object.fromEntries(decided)).toMatchObject({ a: allow, b: allow, poor: poison, c: allow })
    expect(decided.size).toBe(4)

    const commands = ids.map((id) => aCommand({ id, user: PEOPLE.admin, action: 'delete', resource: resource(id) }))
    const { settlements, recorded } = await enforce(commands, client)
    expect(recorded.map(({ commandId }) => commandId).sort()).toEqual(['a', 'b', 'c'])
    expect(settlements[2]).toMatchObject({ code: 'JW_PDP_POISON' })
  })
})

test('the stub that tells the truth has its way, so nothing above holds for nothing', async () => {
  await using pdp = await LyingPdp.open(allowAll)
  await using client = await openClient({ url: pdp.url })
  const commands = ['a', 'b'].map((id) => aCommand({ id, action: 'delete', resource: resource(id) }))
  const { settlements, recorded } = await enforce(commands, client)
  expect(settlements).toMatchObject([{ outcome: 'executed' }, { outcome: 'executed' }])
  expect(recorded).toHaveLength(2)

  pdp.script = decides(() => ({ revision: 'r1', answers: { a: { allow: false, reasons: [denied] } } }))
  const { settlements: ended } = await enforce([aCommand({ id: 'a' })], client)
  expect(ended).toEqual([{ outcome: 'denied', reasons: [denied], policyRevision: 'r1' }])
})

const PATH = 'OPA /v1/data/jobs/decisions'
const denied = { code: 'denied', message: 'No.' }
const resource = (id: string) => ({ type: 'document', id: `resource_${id}` })
