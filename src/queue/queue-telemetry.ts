import { ROOT_CONTEXT } from '@opentelemetry/api'
import type { Telemetry } from 'bullmq'
import { BullMQOtel } from 'bullmq-otel'
import { TRACER_NAME } from '../telemetry/names.ts'

/** The trace context of jobs across queues. Unsigned, so it may be garbage: then the trace starts anew. */
export function queueTelemetry(): Telemetry {
  const telemetry = new BullMQOtel({ tracerName: TRACER_NAME })
  const { contextManager } = telemetry
  const fromMetadata = contextManager.fromMetadata.bind(contextManager)
  contextManager.fromMetadata = (active, metadata) => {
    try {
      return fromMetadata(active, metadata)
    } catch {
      return ROOT_CONTEXT
    }
  }
  return telemetry
}
