const utf8 = new TextDecoder('utf-8', {
  fatal: true,
  // Without this a byte order mark is dropped, and a signature over it would be compared with other bytes.
  ignoreBOM: true,
})

/** The text of these bytes; undefined when they are not UTF-8. Encoding it again gives the same bytes. */
export function textOfUtf8(bytes: Uint8Array): string | undefined {
  try {
    return utf8.decode(bytes)
  } catch {
    return undefined
  }
}

/** The bytes of standard base64 with its padding; undefined for every other spelling, such as spaces or loose bits. */
export function bytesOfBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64')
  return bytes.toString('base64') === text ? bytes : undefined
}

/** A decimal without sign and leading zeros, up to 2^53 - 1; undefined for every other text. */
export function wholeNumberOf(text: string): number | undefined {
  if (!/^(?:0|[1-9][0-9]{0,15})$/.test(text)) return undefined
  const number = Number(text)
  return Number.isSafeInteger(number) ? number : undefined
}
