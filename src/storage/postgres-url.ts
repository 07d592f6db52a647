/** How TLS to PostgreSQL is done. */
export type TlsMode = 'disable' | 'no-verify' | 'verify-ca' | 'verify-full'

/** What a URL of PostgreSQL says. */
export type PostgresAddress = {
  /** A name, an address, or the folder of a Unix socket. */
  readonly host: string
  readonly port: number
  readonly user: string | undefined
  readonly password: string | undefined
  readonly database: string | undefined
  readonly applicationName: string | undefined
  readonly tls: TlsMode
  /** PEM files: the authority to trust, and the client's certificate and key. */
  readonly caFile: string | undefined
  readonly certFile: string | undefined
  readonly keyFile: string | undefined
}

/**
 * The words of `sslmode`, and what each does. `require` verifies, so that nobody who asks for TLS is connected to anybody.
 * `prefer` and `allow` are not here: they go on without TLS when the server, or whoever answers in its place, has none.
 */
const MODES: ReadonlyMap<string, TlsMode> = new Map([
  ['disable', 'disable'],
  ['no-verify', 'no-verify'],
  ['verify-ca', 'verify-ca'],
  ['require', 'verify-full'],
  ['verify-full', 'verify-full'],
])

/** What is wrong with the parameters of a URL that is well-formed otherwise. No message quotes any part of it. */
export function parameterProblems(text: string): string[] {
  const given = new URL(text).searchParams
  const found: string[] = []
  const word = given.get('sslmode')
  const mode = modeOf(word)
  if (mode === undefined) return [`sslmode must be ${[...MODES.keys()].join(', ')}`]
  const files = ['sslrootcert', 'sslcert', 'sslkey'].filter((name) => given.has(name))
  if (mode === 'disable' && files.length > 0)
    found.push(`names TLS files (${files.join(', ')}), but TLS is off; sslmode=verify-full turns it on`)
  if (mode === 'no-verify' && given.has('sslrootcert'))
    found.push('sslmode=no-verify trusts everybody, so sslrootcert means nothing; write sslmode=verify-full')
  if (mode === 'verify-ca' && !given.has('sslrootcert'))
    found.push('sslmode=verify-ca needs sslrootcert: public authorities certify anybody; or write sslmode=verify-full')
  if (given.has('sslcert') !== given.has('sslkey')) found.push('mTLS needs both sslcert and sslkey')
  if (given.has('host') && !given.get('host')?.startsWith('/'))
    found.push('the parameter host must be the whole path of the folder of a Unix socket')
  return found
}

/** Reads a URL of JOBWARDEN_DATABASE_URL that was checked. */
export function parsePostgresUrl(text: string): PostgresAddress {
  const { hostname, port, username, password, pathname, searchParams: given } = new URL(text)
  const host = given.get('host') ?? decodeURIComponent(hostname.replaceAll(/[[\]]/g, ''))
  const parameter = (name: string) => given.get(name) ?? undefined
  return {
    host,
    port: port === '' ? 5_432 : Number(port),
    user: decoded(username),
    password: decoded(password),
    database: decoded(pathname.slice(1)),
    applicationName: parameter('application_name'),
    tls: modeOf(given.get('sslmode')) ?? 'verify-full',
    caFile: parameter('sslrootcert'),
    certFile: parameter('sslcert'),
    keyFile: parameter('sslkey'),
  }
}

function decoded(part: string): string | undefined {
  return part === '' ? undefined : decodeURIComponent(part)
}

function modeOf(word: string | null): TlsMode | undefined {
  return word === null ? 'disable' : MODES.get(word)
}
