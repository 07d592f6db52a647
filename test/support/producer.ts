import type { Config } from '../../src/config/settings.ts'
import type { Command } from '../../src/domain/command.ts'
import { Producer } from '../../src/producer/producer.ts'
import { CommandQueue } from '../../src/queue/command-queue.ts'
import { COMMAND_QUEUE } from '../../src/queue/names.ts'
import { queueTelemetry } from '../../src/queue/queue-telemetry.ts'
import { connectRedis } from '../../src/queue/redis.ts'
import { type ProducerJwk, importProducerKey } from '../../src/signing/producer-keys.ts'
import { signCommand } from '../../src/signing/sign-command.ts'
import { TEST_KEY } from './a-command.ts'

export type TestProducer = {
  readonly producer: Producer
  readonly sign: (command: Command) => Promise<string>
  close(): Promise<void>
}

/** A producer on the queue of `config`. */
export async function openProducer(
  config: Config,
  { key = TEST_KEY, tracing = false }: { key?: ProducerJwk; tracing?: boolean } = {},
): Promise<TestProducer> {
  const signingKey = await importProducerKey(key, 'sign')
  const onError = () => undefined
  const redis = connectRedis(config.redisUrl, 'producer', onError)
  const telemetry = tracing ? queueTelemetry() : undefined
  const sink = new CommandQueue({ prefix: config.queuePrefix, redis, onError, telemetry })
  const sign = (command: Command) => signCommand(command, COMMAND_QUEUE, signingKey)
  const maxBytes = config.commandMaxBytes
  return {
    producer: new Producer({ sink, queue: COMMAND_QUEUE, sign, lifetimeMs: 600_000, maxBytes }),
    sign,
    close: async () => {
      await sink.close()
      redis.disconnect()
    },
  }
}
