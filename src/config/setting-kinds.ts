import { z } from 'zod'
import { type UrlRules, urlProblems } from './check-url.ts'

/** Any text but the empty one. */
export const text = z.string().min(1)

export const milliseconds = (fallback: number, least = 1) =>
  z.coerce.number().int().min(least).max(3_600_000).default(fallback)

export const count = (fallback: number, most: number) => z.coerce.number().int().min(1).max(most).default(fallback)

/**
 * A URL. All of it is checked before anything connects; `more` checks well-formed ones further. No message quotes any part.
 */
export const url = (rules: UrlRules, more: (url: string) => string[] = () => []) =>
  text.superRefine((value, context) => {
    const problems = urlProblems(value, rules)
    for (const message of problems.length > 0 ? problems : more(value)) context.addIssue({ code: 'custom', message })
  })

/** A URL, or `unix:` and the whole path of a socket. */
export const urlOrSocket = (rules: UrlRules) =>
  text.superRefine((value, context) => {
    if (!value.startsWith('unix:'))
      for (const message of urlProblems(value, rules)) context.addIssue({ code: 'custom', message })
    else if (!/^unix:\/[^\p{C}]+$/u.test(value))
      context.addIssue({
        code: 'custom',
        message: 'the path after unix: must be absolute, such as unix:/run/opa.sock',
      })
  })

const ENDPOINT = /^(\[[0-9A-Fa-f:.]+\]|[^\s:[\]]+):(\d{1,5})$/

/** `host:port` of one or more servers, with commas between them. IPv6 addresses are in brackets. */
export const endpoints = text.refine((value) => parseEndpoints(value).every(({ port }) => port > 0 && port < 65_536), {
  message: 'must be host:port, with commas between several',
})

/** The parts of a setting of the kind `endpoints`; an invalid entry gets port 0. */
export function parseEndpoints(value: string): { readonly host: string; readonly port: number }[] {
  return value.split(',').map((each) => {
    const [, host = '', port = '0'] = ENDPOINT.exec(each.trim()) ?? []
    return { host: host.replaceAll(/[[\]]/g, ''), port: Number(port) }
  })
}
