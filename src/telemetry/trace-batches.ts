import {
  type Attributes,
  type Context,
  ROOT_CONTEXT,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  context,
  trace,
} from '@opentelemetry/api'
import { isById } from '../domain/command.ts'
import { Failure, toFailure } from '../domain/failure.ts'
import { isAudited } from '../domain/outcome.ts'
import type { EndedJob, Observer, RunStep, StepName } from '../enforcement/ports/observer.ts'
import type { Delivery } from '../enforcement/ports/delivery.ts'
import { ATTRIBUTE, SPAN, TRACER_NAME } from './names.ts'

type StepRecord = {
  readonly name: StepName
  readonly participants: ReadonlySet<Delivery>
  readonly start: number
  readonly end: number
  readonly span: SpanContext
}

/** The systems around the batch, as the spans name them. */
export type Surroundings = {
  /** The messaging system that the jobs come from, in the words of OpenTelemetry. */
  readonly messagingSystem: string
  /** The policy path that decides. */
  readonly policyPath: string
}

/**
 * Traces a batch if the trace of any of its jobs is recorded, and costs nothing otherwise.
 *
 * A batch belongs to many traces. Its own span is a child of the span of the first recorded job and links to every job
 * (OpenTelemetry messaging conventions, batch processing). Each recorded job also gets the steps that it took part in as
 * spans in its own trace, with the times of the batch and a link to its step, so that one trace tells one command's story.
 */
export class BatchTraces implements Observer {
  readonly #surroundings: Surroundings

  constructor(surroundings: Surroundings) {
    this.#surroundings = surroundings
  }

  async batch<Job extends EndedJob>(
    deliveries: readonly Delivery[],
    run: (step: RunStep) => Promise<readonly Job[]>,
  ): Promise<readonly Job[]> {
    const recorded = deliveries.filter(isRecorded)
    const first = recorded[0]
    if (first === undefined) return run((_name, _participants, step) => step())

    const tracer = trace.getTracer(TRACER_NAME)
    const parent = trace.setSpanContext(ROOT_CONTEXT, first.trace)
    const links = recorded.map((delivery) => ({
      context: delivery.trace,
      attributes: { [ATTRIBUTE.messageId]: delivery.jobId },
    }))
    const attributes = {
      [ATTRIBUTE.system]: this.#surroundings.messagingSystem,
      [ATTRIBUTE.operation]: 'process',
      [ATTRIBUTE.destination]: first.queue,
      [ATTRIBUTE.batchSize]: deliveries.length,
    }
    const span = tracer.startSpan(SPAN.batch, { kind: SpanKind.CONSUMER, links, attributes }, parent)
    const steps: StepRecord[] = []
    try {
      const cases = await run(recordingSteps(tracer, trace.setSpan(parent, span), steps))
      for (const ended of cases) this.#traceJob(tracer, ended, steps)
      return cases
    } catch (error) {
      span.setStatus({ code: SpanStatusCode.ERROR, message: toFailure(error).code })
      throw error
    } finally {
      span.end()
    }
  }

  disagreement(): void {
    // A disagreement is about rows and not about a job, so no span can show it.
  }

  /** Writes the steps that one job took part in into its own trace. */
  #traceJob(tracer: Tracer, ended: EndedJob, steps: readonly StepRecord[]): void {
    const { delivery } = ended
    if (!isRecorded(delivery)) return
    const parent = trace.setSpanContext(ROOT_CONTEXT, delivery.trace)
    for (const { name, participants, start, end, span } of steps) {
      if (!participants.has(delivery) || (name === 'publish' && !isPublished(ended))) continue
      const attributes = jobAttributes(name, ended, this.#surroundings.policyPath)
      tracer.startSpan(SPAN[name], { startTime: start, attributes, links: [{ context: span }] }, parent).end(end)
    }
  }
}

function recordingSteps(tracer: Tracer, batch: Context, steps: StepRecord[]): RunStep {
  return async (name, participants, run) => {
    const start = Date.now()
    const span = tracer.startSpan(SPAN[name], { startTime: start }, batch)
    try {
      return await context.with(trace.setSpan(batch, span), run)
    } catch (error) {
      span.setStatus({ code: SpanStatusCode.ERROR, message: toFailure(error).code })
      throw error
    } finally {
      const end = Date.now()
      span.end(end)
      const deliveries = participants.map((each) => ('delivery' in each ? each.delivery : each))
      steps.push({ name, participants: new Set(deliveries), start, end, span: span.spanContext() })
    }
  }
}

function isRecorded(delivery: Delivery): delivery is Delivery & { readonly trace: SpanContext } {
  return delivery.trace !== undefined && (delivery.trace.traceFlags & TraceFlags.SAMPLED) !== 0
}

function isPublished({ end }: EndedJob): boolean {
  return !(end instanceof Failure) && isAudited(end)
}

/** What spans may show of a command: names and codes, and never the content of a resource or a signature. */
function jobAttributes(name: StepName, { accepted, delivery, end }: EndedJob, policyPath: string): Attributes {
  switch (name) {
    case 'admit':
      return {
        [ATTRIBUTE.commandId]: accepted?.command.id ?? delivery.jobId,
        ...(accepted !== undefined && {
          [ATTRIBUTE.producer]: accepted.producer,
          [ATTRIBUTE.userId]: accepted.command.user.id,
          [ATTRIBUTE.action]: accepted.command.action,
          [ATTRIBUTE.resourceType]: accepted.command.resource.type,
          ...(isById(accepted.command.resource) && { [ATTRIBUTE.resourceId]: accepted.command.resource.id }),
        }),
      }
    case 'decide':
    case 'examine':
      return { [ATTRIBUTE.policyPath]: policyPath, ...decisionAttributes(end) }
    case 'commit':
    case 'publish':
      return end instanceof Failure ? { [ATTRIBUTE.failure]: end.code } : { [ATTRIBUTE.outcome]: end.outcome }
    case 'load':
      return {}
    default:
      return name satisfies never
  }
}

function decisionAttributes(end: EndedJob['end']): Attributes {
  if (end instanceof Failure || !('policyRevision' in end)) return {}
  const denied = end.outcome === 'denied'
  return {
    [ATTRIBUTE.decision]: denied ? 'deny' : 'allow',
    [ATTRIBUTE.policyRevision]: end.policyRevision,
    ...(denied && { [ATTRIBUTE.reasons]: end.reasons.map(({ code }) => code) }),
  }
}
