// The row "raw": BullMQ alone with jobs of this size, which no worker on this queue can exceed.
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
