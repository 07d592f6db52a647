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
import { ATTRIBUTE, SPAN, type StepName, TRACER_NAME } from '../telemetry/names.ts'
import type { Case } from './case.ts'
import type { Delivery } from '../queue/delivery.ts'

type Participants = readonly (Delivery | Case)[]

/** Runs one step of a batch for the deliveries or cases that take part in it. */
export type RunStep = <Result>(
  name: StepName,
  participants: Participants,
  run: () => Promise<Result>,
) => Promise<Result>

type StepRecord = {
  readonly name: StepName
  readonly participants: ReadonlySet<Delivery>
  readonly start: number
  readonly end: number
  readonly span: SpanContext
}

/**
 * Traces a batch when the trace of any of its jobs is recorded, and costs nothing otherwise.
 *
 * A batch belongs to many traces. Its own span is a child of the first recorded job's and links to every job
 * (OpenTelemetry messaging conventions, batch processing). Each recorded job also gets the steps it took part in as
 * spans of its own trace, with the batch's times and a link to the batch's step: one trace tells one command's story.
 */
export async function traceBatch(
  deliveries: readonly Delivery[],
  run: (step: RunStep) => Promise<readonly Case[]>,
): Promise<readonly Case[]> {
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
    [ATTRIBUTE.system]: 'bullmq',
    [ATTRIBUTE.operation]: 'process',
    [ATTRIBUTE.destination]: first.queue,
    [ATTRIBUTE.batchSize]: deliveries.length,
  }
  const span = tracer.startSpan(SPAN.batch, { kind: SpanKind.CONSUMER, links, attributes }, parent)
  const batch = trace.setSpan(parent, span)
  const steps: StepRecord[] = []
  try {
    const cases = await run(recordingSteps(tracer, batch, steps))
    for (const settled of cases) tellJob(tracer, settled, steps)
    return cases
  } catch (error) {
    span.setStatus({ code: SpanStatusCode.ERROR, message: toFailure(error).code })
    throw error
  } finally {
    span.end()
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

/** Writes the steps that one job took part in to its own trace. */
function tellJob(tracer: Tracer, settled: Case, steps: readonly StepRecord[]): void {
  const { delivery } = settled
  if (!isRecorded(delivery)) return
  const parent = trace.setSpanContext(ROOT_CONTEXT, delivery.trace)
  for (const { name, participants, start, end, span } of steps) {
    if (!participants.has(delivery) || (name === 'publish' && !isPublished(settled))) continue
    const attributes = jobAttributes(name, settled)
    tracer.startSpan(SPAN[name], { startTime: start, attributes, links: [{ context: span }] }, parent).end(end)
  }
}

function isRecorded(delivery: Delivery): delivery is Delivery & { readonly trace: SpanContext } {
  return delivery.trace !== undefined && (delivery.trace.traceFlags & TraceFlags.SAMPLED) !== 0
}

function isPublished({ settlement }: Case): boolean {
  return settlement !== undefined && !(settlement instanceof Failure) && isAudited(settlement)
}

/** What may be told of a command: names and codes, never a resource's content and never a signature. */
function jobAttributes(name: StepName, { accepted, delivery, settlement }: Case): Attributes {
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
      return { [ATTRIBUTE.policyPath]: 'jobs/decisions', ...decisionAttributes(settlement) }
    case 'commit':
    case 'publish':
      return outcomeAttributes(settlement)
    case 'load':
      return {}
    default:
      return name satisfies never
  }
}

function decisionAttributes(settlement: Case['settlement']): Attributes {
  if (settlement === undefined || settlement instanceof Failure || !('policyRevision' in settlement)) return {}
  const denied = settlement.outcome === 'denied'
  return {
    [ATTRIBUTE.decision]: denied ? 'deny' : 'allow',
    [ATTRIBUTE.policyRevision]: settlement.policyRevision,
    ...(denied && { [ATTRIBUTE.reasons]: settlement.reasons.map(({ code }) => code) }),
  }
}

function outcomeAttributes(settlement: Case['settlement']): Attributes {
  if (settlement === undefined) return {}
  return settlement instanceof Failure
    ? { [ATTRIBUTE.failure]: settlement.code }
    : { [ATTRIBUTE.outcome]: settlement.outcome }
}
