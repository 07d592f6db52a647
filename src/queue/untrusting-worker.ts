import { type Job, type JobJson, Worker } from 'bullmq'
import { jsonOrUndefined } from '../parsing/parse-json.ts'

/** How many attempts a job at fault has before it is dead, and the pauses between them. */
export const ATTEMPTS = { attempts: 5, backoff: { type: 'exponential', delay: 500, jitter: 0.5 } } as const

/**
 * A BullMQ worker that uses nothing of a job's hash but its name, its id and its data. Anybody who may add a job may write
 * any hash: broken JSON would throw in the fetch loop and cost the worker a place, a repeat key would make it schedule
 * jobs, a parent key would make it write to other queues, and options would choose its retries.
 */
export class UntrustingWorker<Result> extends Worker<unknown, Result> {
  protected override createJob(json: JobJson, jobId: string): Job<unknown, Result> {
    const {
      repeatJobKey: _repeat,
      parent: _parent,
      parentKey: _parentKey,
      deduplicationId: _deduplication,
      ...own
    } = json
    const metadata = json.opts.telemetry?.metadata
    const opts = { ...ATTEMPTS, ...(typeof metadata === 'string' && { telemetry: { metadata } }) }
    const data = jsonOrUndefined(json.data) === undefined ? JSON.stringify(json.data) : json.data
    return super.createJob({ ...own, opts, data }, jobId)
  }
}
