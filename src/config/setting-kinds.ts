import { z } from 'zod'

/** Any text but the empty one. */
export const text = z.string().min(1)

export const milliseconds = (fallback: number, least = 1) =>
  z.coerce.number().int().min(least).max(3_600_000).default(fallback)

export const count = (fallback: number, most: number) => z.coerce.number().int().min(1).max(most).default(fallback)

export const url = (...protocols: string[]) =>
  text.refine((value) => protocols.some((protocol) => value.startsWith(protocol)), {
    message: `must start with ${protocols.join(' or ')}`,
  })

const ENDPOINT = /^(\[[0-9A-Fa-f:.]+\]|[^\s:[\]]+):(\d{1,5})$/

/** `host:port` of one or more servers, with commas between them; an IPv6 address stands in brackets. */
export const endpoints = text.refine((value) => parseEndpoints(value).every(({ port }) => port > 0 && port < 65_536), {
  message: 'must be host:port, with commas between several',
})

/** The parts of a setting of the kind `endpoints`; what is none has port 0. */
export function parseEndpoints(value: string): { readonly host: string; readonly port: number }[] {
  return value.split(',').map((each) => {
    const [, host = '', port = '0'] = ENDPOINT.exec(each.trim()) ?? []
    return { host: host.replaceAll(/[[\]]/g, ''), port: Number(port) }
  })
}
