// The row "raw": what BullMQ alone does with jobs of this size. The ceiling of every worker on this queue.
import { loadConfig } from '../../src/config/load-config.ts'
import { startBareWorker } from './bare-worker.ts'
import { runMeasured } from './run-measured.ts'

await runMeasured((meter) =>
  Promise.resolve(
    startBareWorker(loadConfig(process.env), () => {
      meter.taken()
      return Promise.resolve({ outcome: 'executed', count: 1 })
    }),
  ),
)
