import type { Redis } from 'ioredis'

/** The answer to INFO: values by the name of their field. */
export type RedisInfo = ReadonlyMap<string, string>

/** Asks one server for INFO, which every role of jobwarden may. @throws an error of Redis when it does not answer */
export async function readInfo(server: Redis): Promise<RedisInfo> {
  const lines = (await server.info()).split('\r\n').map((line) => line.split(':'))
  return new Map(lines.flatMap(([name = '', ...value]) => (value.length > 0 ? [[name, value.join(':')] as const] : [])))
}

/** The address under which this process reaches a server. */
export function addressOf({ options: { host, port } }: Redis): string {
  return `${host}:${port}`
}

/** What Redis says to a user who may not call a command, or what a provider's Redis says that lacks the command. */
const REFUSED = /\bNOPERM\b|unknown (sub)?command|user has no permissions/i

/** The answer of a command that not every user may call; undefined when Redis refuses it. @throws any other error */
export async function unlessRefused<Answer>(answer: Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await answer
  } catch (error) {
    if (error instanceof Error && REFUSED.test(error.message)) return undefined
    throw error
  }
}
