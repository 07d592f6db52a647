import { EventEmitter, once } from 'node:events'
import { type Server as HttpServer, type RequestListener, type ServerResponse, createServer } from 'node:http'
import { type Server as HttpsServer, createServer as createTlsServer } from 'node:https'
import type { Server } from 'node:net'
import { z } from 'zod'

/** A request that reached the stub. `ids` are those of the batch, none for anything but a batch. */
export type Question = {
  readonly method: string
  readonly path: string
  readonly body: string
  readonly ids: readonly string[]
}

/** Answers one request, in any way it likes. */
export type Script = (response: ServerResponse, question: Question) => void

const Batch = z.object({ input: z.object({ requests: z.record(z.string(), z.unknown()) }) })

/** An HTTP server that stands where OPA should be and answers what a test scripts. */
export class LyingPdp implements AsyncDisposable {
  /** What it does from now on. */
  script: Script
  readonly questions: Question[] = []
  readonly #events = new EventEmitter()
  readonly #server: HttpServer | HttpsServer
  readonly #scheme: string

  private constructor(script: Script, tls?: { readonly cert: string; readonly key: string }) {
    this.script = script
    const listener: RequestListener = (request, response) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => {
        const body = Buffer.concat(chunks).toString('utf8')
        const question = { method: request.method ?? '', path: request.url ?? '', body, ids: idsOf(body) }
        this.questions.push(question)
        this.#events.emit('question', question)
        this.script(response, question)
      })
    }
    this.#scheme = tls === undefined ? 'http' : 'https'
    this.#server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener)
  }

  static async open(script: Script, tls?: { readonly cert: string; readonly key: string }): Promise<LyingPdp> {
    const pdp = new LyingPdp(script, tls)
    await once(pdp.#server.listen(0, '127.0.0.1'), 'listening')
    return pdp
  }

  get url(): string {
    return `${this.#scheme}://127.0.0.1:${portOf(this.#server)}`
  }

  /** The batches that were asked about, each by its ids, without the empty ones of probes. */
  get batches(): readonly (readonly string[])[] {
    return this.questions.map(({ ids }) => ids).filter((ids) => ids.length > 0)
  }

  /** Resolves with the next question that satisfies `wanted`. */
  async next(wanted: (question: Question) => boolean): Promise<void> {
    const asked = Promise.withResolvers<void>()
    const listen = (question: Question) => {
      if (wanted(question)) asked.resolve()
    }
    this.#events.on('question', listen)
    await asked.promise
    this.#events.off('question', listen)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.#server.closeAllConnections()
    await closed
  }
}

/** The port that a server on TCP listens on. */
function portOf(server: Server): number {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server does not listen on a port')
  return address.port
}

function idsOf(body: string): readonly string[] {
  try {
    const batch = Batch.safeParse(JSON.parse(body))
    return batch.success ? Object.keys(batch.data.input.requests) : []
  } catch {
    return []
  }
}

/** Answers every request alike. */
export function says(body: string | Buffer, status = 200, headers: Readonly<Record<string, string>> = {}): Script {
  return (response) => response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body)
}

/** Answers `result` for the ids of a batch; it is ready whenever it is asked. */
export function decides(result: (ids: readonly string[]) => unknown): Script {
  return (response, question) => says(JSON.stringify({ result: result(question.ids) }))(response, question)
}

/** Answers of a proper form: `answer` for each id. */
export function answers(answer: (id: string) => unknown): Script {
  return decides((ids) => ({ revision: 'r1', answers: Object.fromEntries(ids.map((id) => [id, answer(id)])) }))
}

/** Tells the truth, which is that everything is allowed: whatever goes wrong beside it must not become an effect. */
export const allowAll = answers(() => ({ allow: true }))
