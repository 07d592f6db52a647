import { type Job, type JobJson, Worker } from 'bullmq'
import { jsonOrUndefined } from '../parsing/parse-json.ts'

/** How often a job that is at fault may fail before it is dead, and the wait between its attempts. */
export const ATTEMPTS = { attempts: 5, backoff: { type: 'exponential', delay: 500, jitter: 0.5 } } as const

/**
 * A BullMQ worker that believes nothing of a job's hash but its name, its id and its data. Whoever may add a job may
 * write any hash: broken JSON would throw in the fetch loop and cost the worker its place, a repeat key would make
 * it schedule jobs, a parent key would make it write to other queues, options would choose its retries.
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
