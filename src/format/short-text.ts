/** Up to this length, what a call into V8's own encoder costs is more than the work. */
const SHORT_TEXT = 64

/** Whether a text is short and has one byte of UTF-8 for each of its characters. */
export function isShortAscii(text: string): boolean {
  const { length } = text
  if (length > SHORT_TEXT) return false
  for (let at = 0; at < length; at++) if (text.charCodeAt(at) > 0x7f) return false
  return true
}

/** Writes a text of so many bytes of UTF-8. */
export function writeText(target: Buffer, text: string, at: number, bytes: number): void {
  if (bytes !== text.length || bytes > SHORT_TEXT) target.write(text, at, 'utf8')
  else for (let place = 0; place < bytes; place++) target[at + place] = text.charCodeAt(place)
}

/** Writes a text in UTF-8; returns how many bytes that are. */
export function writeUtf8(target: Buffer, text: string, at: number): number {
  const { length } = text
  if (length > SHORT_TEXT) return target.write(text, at, 'utf8')
  for (let place = 0; place < length; place++) {
    const unit = text.charCodeAt(place)
    if (unit > 0x7f) return target.write(text, at, 'utf8')
    target[at + place] = unit
  }
  return length
}
