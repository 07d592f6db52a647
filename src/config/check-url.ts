/** What the URL of one setting may contain. */
export type UrlRules = {
  /** With their colon, such as `redis:`. */
  readonly schemes: readonly string[]
  /** Whether it may name a user and a password. */
  readonly login: boolean
  /** What may follow the host. */
  readonly path: 'nothing' | 'folder' | 'database number' | 'database name'
  /** The query parameters that it may have. Their values are checked where they are read. */
  readonly parameters: readonly string[]
}

const ENCODED = 'in a user or a password "@", "/", "?", "#" and "%" are percent-encoded (%40, %2F, %3F, %23 and %25)'

/** WHATWG URLs silently drop some of these, and encode others. */
const UNSEEN = /[\s\p{C}]/u

/** A name, an IPv4 address, or an IPv6 address in brackets. */
const HOST = /^(\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z_][0-9A-Za-z_.-]*)$/

const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/

/** The folder of a Unix socket, instead of a host. */
const SOCKET_FOLDER = /^%2f/i

const DATABASE_NUMBER = /^\/?$|^\/(0|[1-9]\d{0,4})$/

/** Everything that is wrong with the URL of a setting. No message quotes any part of it. */
export function urlProblems(text: string, rules: UrlRules): string[] {
  if (!rules.schemes.some((scheme) => text.startsWith(`${scheme}//`)))
    return [`must start with ${rules.schemes.map((scheme) => `${scheme}//`).join(' or ')}`]
  if (UNSEEN.test(text)) return ['contains a space, a line break or another invisible character']
  const url = URL.parse(text)
  if (url === null) return [unparsed(text)]
  const found = [...hostProblems(url, rules), ...loginProblems(text, url, rules)]
  // A raw "/", "?" or "#" in a password ends the host early, and then everything after it only looks wrong.
  if (found.length === 0) found.push(...pathProblems(url, rules), ...queryProblems(url, rules))
  return found
}

/** What answers decide whom to trust is not read over a network in clear text. */
export function tlsUnlessLoopback(text: string): string[] {
  const url = URL.parse(text)
  if (url?.protocol !== 'http:' || LOOPBACK.test(url.hostname)) return []
  return ['http:// is for this machine alone (127.0.0.1, [::1] or localhost); elsewhere it must be https://']
}

function unparsed(text: string): string {
  const [, port] = /:(\d+)(?:[/?#]|$)/.exec(text.slice(text.lastIndexOf('@') + 1)) ?? []
  if (port !== undefined && Number(port) > 65_535) return 'the port must be 1 to 65535'
  if (!text.includes('@')) return 'is not a URL: after // comes a host, and then perhaps : and a port'
  return `is not a URL; ${ENCODED}`
}

function hostProblems({ hostname, port, protocol, searchParams }: URL, { path }: UrlRules): string[] {
  if (port === '0') return ['the port must be 1 to 65535']
  if (path === 'database name' && SOCKET_FOLDER.test(hostname === '' ? socketFolder(searchParams) : hostname)) return []
  if (hostname === '') return [`names no host after ${protocol}//`]
  if (hostname.includes(',')) return ['names several hosts; only one is allowed']
  return HOST.test(hostname) ? [] : ['the host is neither a name nor an address']
}

/** libpq also accepts the folder as a parameter. */
function socketFolder(parameters: URLSearchParams): string {
  return encodeURIComponent(parameters.get('host') ?? '')
}

function loginProblems(text: string, { username, password }: URL, { login }: UrlRules): string[] {
  const rest = text.slice(text.indexOf('//') + 2)
  const [authority = ''] = rest.split(/[/?#]/, 1)
  if (!login) return authority.includes('@') ? ['must not name a user or a password'] : []
  const isRaw = authority.split('@').length > 2 || rest.slice(authority.length).includes('@')
  return isRaw || ![username, password].every(isEncoded) ? [ENCODED] : []
}

function pathProblems({ pathname }: URL, { path }: UrlRules): string[] {
  switch (path) {
    case 'nothing':
      return pathname === '' || pathname === '/' ? [] : ['must end after the host and the port']
    case 'database number':
      return DATABASE_NUMBER.test(pathname) ? [] : ['the database after the host must be a whole number, such as /0']
    case 'database name':
      return pathname.lastIndexOf('/') <= 0 && isEncoded(pathname)
        ? []
        : ['the name of the database must be percent-encoded, and only a query may follow it']
    case 'folder':
      return isEncoded(pathname) ? [] : ['the path must be percent-encoded']
    default:
      return path satisfies never
  }
}

function queryProblems({ search, href, searchParams }: URL, { parameters, login }: UrlRules): string[] {
  const found: string[] = []
  const perhaps = login ? `; ${ENCODED}` : ''
  if (href.includes('#')) found.push(`has a fragment ("#"), which means nothing here${perhaps}`)
  if (parameters.length === 0) {
    if (href.includes('?')) found.push(`has a query ("?"), which means nothing here${perhaps}`)
    return found
  }
  const names = [...searchParams.keys()]
  const known = `the known ones are ${parameters.join(', ')}`
  if (names.some((name) => !parameters.includes(name))) found.push(`has an unknown query parameter; ${known}`)
  if (new Set(names).size < names.length) found.push('gives a query parameter twice')
  if (!isEncoded(search)) found.push('its query must be percent-encoded')
  return found
}

/** Whether two hexadecimal digits follow every `%`, and they give UTF-8. */
function isEncoded(text: string): boolean {
  try {
    decodeURIComponent(text)
    return true
  } catch {
    return false
  }
}
