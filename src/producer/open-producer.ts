import { redisOptions } from '../config/adapter-options.ts'
import { readProducerKeys } from '../config/read-producer-keys.ts'
import type { Config } from '../config/settings.ts'
import type { Command } from '../domain/command.ts'
import { Failure } from '../domain/failure.ts'
import { Producer } from './producer.ts'
import { CommandQueue } from '../queue/command-queue.ts'
import { COMMAND_QUEUE } from '../redis/queue-names.ts'
import { queueTelemetry } from '../queue/queue-telemetry.ts'
import { reachRedis } from '../redis/connect.ts'
import { type ProducerJwk, importProducerKey } from '../signing/producer-keys.ts'
import { signCommand } from '../signing/sign-command.ts'

export type OpenProducerOptions = {
  /** The key of JOBWARDEN_PRODUCER_KEYS_FILE that signs; by default the first that has not ended. */
  readonly kid?: string | undefined
  /** How long commands stay valid, unless they say so themselves. */
  readonly lifetimeMs: number
  readonly tracing: boolean
}

export type OpenProducer = {
  readonly producer: Producer
  readonly sign: (command: Command) => Promise<string>
  close(): Promise<void>
}

/**
 * Opens a producer on the command queue. An upstream service calls this once, when it starts.
 * @throws Failure JW_CONFIG_INVALID when there is no such key, JW_QUEUE_UNAVAILABLE when Redis cannot be reached,
 * JW_REDIS_UNFIT when Redis may lose commands by itself
 */
export async function openProducer(config: Config, options: OpenProducerOptions): Promise<OpenProducer> {
  const jwk = keyToSign((await readProducerKeys(config.producerKeysFile)).keys, options.kid, config.producerKeysFile)
  const key = await importProducerKey(jwk, 'sign')
  const onError = () => undefined // A call that fails reports the error itself.
  const redis = await reachRedis(redisOptions(config), onError)
  const telemetry = options.tracing ? queueTelemetry() : undefined
  const confirm = { replicas: config.redisConfirmReplicas, timeoutMs: config.redisConfirmMs }
  const sink = new CommandQueue({ prefix: config.queuePrefix, redis, confirm, telemetry, onError })
  const sign = (command: Command) => signCommand(command, COMMAND_QUEUE, key)
  const { lifetimeMs } = options
  return {
    producer: new Producer({ sink, queue: COMMAND_QUEUE, sign, lifetimeMs, maxBytes: config.commandMaxBytes }),
    sign,
    close: async () => {
      await sink.close()
      redis.disconnect()
    },
  }
}

/** @throws Failure when there is no such key, or it has ended: workers would refuse all that it signs */
function keyToSign(keys: readonly ProducerJwk[], kid: string | undefined, file: string | undefined): ProducerJwk {
  const meant = kid === undefined ? keys : keys.filter((key) => key.kid === kid)
  const jwk = meant.find(({ until }) => until === undefined || Date.parse(until) > Date.now())
  if (jwk !== undefined) return jwk
  const which = kid === undefined ? 'no key to sign with' : `no key "${kid}"`
  const why = meant.length === 0 ? which : `${which} that has not ended; its "until" says when it did`
  throw new Failure('JW_CONFIG_INVALID', `${file ?? ''} has ${why}`)
}
