import { Redis } from 'ioredis'
import { passwordOf } from './redis-users.ts'

/** Asks one server of this machine over a connection of its own, as the admin unless told. @throws when it is not there */
export async function askRedis<Answer>(
  port: number,
  ask: (redis: Redis) => Promise<Answer>,
  login: { readonly username?: string; readonly password?: string } = ADMIN,
): Promise<Answer> {
  const redis = new Redis({ port, ...login, retryStrategy: () => null, maxRetriesPerRequest: 0 })
  redis.on('error', () => undefined) // `ask` rejects.
  try {
    return await ask(redis)
  } finally {
    redis.disconnect()
  }
}

const ADMIN = { username: 'admin', password: passwordOf('admin') }
