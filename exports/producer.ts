/** For upstream services: sign commands and put them on the queue. It loads no code for OPA, PostgreSQL or workers. */
export { loadConfig } from '../src/config/load-config.ts'
export type { Config } from '../src/config/settings.ts'
export type { Command, User } from '../src/domain/command.ts'
export { Failure, type FailureCode } from '../src/domain/failure.ts'
export { type OpenProducer, type OpenProducerOptions, openProducer } from '../src/producer/open-producer.ts'
export type { CommandRequest, EnqueueReport, Producer } from '../src/producer/producer.ts'
