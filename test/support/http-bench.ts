import { pino } from 'pino'
import { z } from 'zod'
import { type HttpServer, type HttpServerOptions, startHttpServer } from '../../src/http/http-server.ts'

const LogLine = z.looseObject({ level: z.number(), msg: z.string(), err: z.object({ message: z.string() }).optional() })

export type HttpBench = {
  readonly server: HttpServer
  readonly url: string
  /** Everything that was logged so far, with levels as pino's numbers. */
  readonly log: readonly z.infer<typeof LogLine>[]
}

/** Starts a server of the kit, called "test server", on a free port of 127.0.0.1, and keeps what it logs. */
export async function startHttpBench(
  options: Pick<HttpServerOptions, 'routes' | 'bounds' | 'tls'>,
): Promise<HttpBench> {
  const log: z.infer<typeof LogLine>[] = []
  const logger = pino({ level: 'info' }, { write: (line: string) => void log.push(LogLine.parse(JSON.parse(line))) })
  const server = await startHttpServer({ name: 'test server', host: '127.0.0.1', port: 0, log: logger, ...options })
  return { server, url: `${options.tls === undefined ? 'http' : 'https'}://127.0.0.1:${server.port}`, log }
}
