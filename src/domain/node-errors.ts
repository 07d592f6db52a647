/** Node's codes for a certificate of either side that is not trusted. */
const CERTIFICATE = /^(ERR_TLS|ERR_SSL|CERT_|UNABLE_TO_|SELF_SIGNED_CERT|DEPTH_ZERO|EPROTO|HOSTNAME_MISMATCH)/

/** The code of an error of Node or of a driver, such as ECONNRESET; empty when it has none. */
export function nodeCode(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string'
    ? error.code
    : ''
}

/** Whether a server and this process do not trust each other's certificates. */
export function isCertificateError(error: unknown): boolean {
  return CERTIFICATE.test(nodeCode(error))
}
