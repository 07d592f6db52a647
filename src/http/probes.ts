import type { Routes } from './app.ts'
import { HttpProblem } from './http-problem.ts'

/** Something a worker depends on. `why` says what is wrong while it is down; it may hold no secret. */
export type Component = () => Promise<{ readonly up: true } | { readonly up: false; readonly why: string }>

export type ProbesOptions = {
  readonly components: Readonly<Record<string, Component>>
  /** Figures that operators may look at, such as hits of a cache. */
  readonly figures?: () => Readonly<Record<string, unknown>>
}

/** A component that has not answered by then is down. */
const PATIENCE_MS = 2_000

/**
 * Answers probes, whatever the method: `/livez` (the process is alive), `/readyz` (everything it needs is up, else 503
 * and what is not) and the article's `/health` (healthy, or degraded with OPA down and 503).
 */
export function probes({ components, figures }: ProbesOptions): Routes {
  return (app) => {
    app.all('/livez', () => ({ status: 'alive' }))
    app.all('/readyz', async (_request, reply) => {
      const states = await look(components)
      const ready = Object.values(states).every((state) => state === 'up')
      reply.code(ready ? 200 : 503)
      return { status: ready ? 'ready' : 'not ready', ...states, ...figures?.() }
    })
    app.all('/health', async (_request, reply) => {
      const { opa = 'up' } = await look(components)
      const healthy = opa === 'up'
      reply.code(healthy ? 200 : 503)
      return { status: healthy ? 'healthy' : 'degraded', opa: healthy ? 'up' : 'down' }
    })
    app.all('*', () => {
      throw new HttpProblem(404, 'try /livez, /readyz or /health')
    })
  }
}

async function look(components: ProbesOptions['components']): Promise<Record<string, string>> {
  const states = Object.entries(components).map(async ([name, component]) => {
    const late = new Promise<{ up: false; why: string }>((resolve) => {
      setTimeout(() => resolve({ up: false, why: `no answer within ${PATIENCE_MS} ms` }), PATIENCE_MS).unref()
    })
    const state = await Promise.race([component(), late])
    return [name, state.up ? 'up' : `down: ${state.why}`] as const
  })
  return Object.fromEntries(await Promise.all(states))
}
