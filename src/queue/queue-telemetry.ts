import { ROOT_CONTEXT } from '@opentelemetry/api'
import type { Telemetry } from 'bullmq'
import { BullMQOtel } from 'bullmq-otel'
import { TRACER_NAME } from '../telemetry/names.ts'

/**
 * The trace context of jobs across queues, and BullMQ's own spans. Two things differ from BullMQ's telemetry:
 * - The context in a job is unsigned, so it may be garbage: then a new trace starts.
 * - BullMQ writes a job's result into an event of its span, and a read's result is the resource: events lose their
 *   attributes.
 */
export function queueTelemetry(): Telemetry {
  const telemetry = new BullMQOtel({ tracerName: TRACER_NAME })
  const { contextManager, tracer } = telemetry
  const fromMetadata = contextManager.fromMetadata.bind(contextManager)
  contextManager.fromMetadata = (active, metadata) => {
    try {
      return fromMetadata(active, metadata)
    } catch {
      return ROOT_CONTEXT
    }
  }
  const startSpan = tracer.startSpan.bind(tracer)
  tracer.startSpan = (name, options, context) => {
    const span = startSpan(name, options, context)
    const addEvent = span.addEvent.bind(span)
    span.addEvent = (event) => addEvent(event)
    return span
  }
  return telemetry
}
