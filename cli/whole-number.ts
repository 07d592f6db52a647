import { InvalidArgumentError } from 'commander'

/** A limit that a flag gives. @throws InvalidArgumentError for anything else */
export function wholeNumber(text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1 || value > 100_000)
    throw new InvalidArgumentError('not a whole number from 1 to 100000')
  return value
}
