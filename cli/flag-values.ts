import { InvalidArgumentError } from 'commander'
import { z } from 'zod'
import { PlainName } from '../src/signing/producer-keys.ts'

/** Reads the value of a flag by a schema. @throws InvalidArgumentError that says what the schema wants */
export function flagOf<Value>(schema: z.ZodType<Value>): (text: string) => Value {
  return (text) => {
    const parsed = schema.safeParse(text)
    if (parsed.success) return parsed.data
    throw new InvalidArgumentError(parsed.error.issues.map(({ message }) => message).join('; '))
  }
}

/** Reads the name of a key or of a producer. */
export const plainName = flagOf(PlainName)

/** Reads a moment of UTC. */
export const utcMoment = flagOf(z.iso.datetime('not a moment such as 2027-01-31T00:00:00Z'))

/** Reads a number from 1 to `most`. @throws InvalidArgumentError for anything else */
export function wholeNumber(most: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (!/^\d+$/.test(text) || value < 1 || value > most)
      throw new InvalidArgumentError(`not a whole number from 1 to ${most}`)
    return value
  }
}

const UNIT_MS = { m: 60_000, h: 3_600_000, d: 86_400_000 } as const

/** Reads a time in ISO 8601, or an age such as 24h. @throws InvalidArgumentError for anything else */
export function timeOrAge(text: string): Date {
  const [, amount, unit] = /^(\d+)([mhd])$/.exec(text) ?? []
  if (unit === 'm' || unit === 'h' || unit === 'd') return new Date(Date.now() - Number(amount) * UNIT_MS[unit])
  const date = new Date(text)
  if (Number.isNaN(date.getTime())) throw new InvalidArgumentError('not a time such as 2026-11-24T10:00:00Z or 24h')
  return date
}
