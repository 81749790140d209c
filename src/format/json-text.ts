/** Room for ordinary metadata. What does not fit is put together as texts are. */
const ROOM_BYTES = 1024
/** Longer texts are left to `JSON.stringify`. */
const SHORT_TEXT = 64
/** The longest that a number becomes, with room to spare. */
const NUMBER_BYTES = 32

const QUOTE = 0x22
const COMMA = 0x2c
const COLON = 0x3a
const BACKSLASH = 0x5c
const OPENING_BRACE = 0x7b
const CLOSING_BRACE = 0x7d

/** Nobody's at the moment: code of the caller's, run by a getter, may begin another text. */
let free: Buffer | undefined

/**
 * The JSON text of an object, member by member, as `JSON.stringify` would write it. Short ASCII
 * goes into memory a byte at a time, and becomes a text once.
 */
export class JsonText {
  /** What comes before that which is in memory. */
  #before = ''
  readonly #memory: Buffer
  #at = 0
  #isEmpty = true

  constructor() {
    this.#memory = free ?? Buffer.alloc(ROOM_BYTES)
    free = undefined
  }

  /** A finite number other than 0, a text or a boolean. */
  addPlain(key: string, value: string | number | boolean): void {
    this.#addKey(key)
    if (typeof value === 'string') this.#addText(value)
    else this.#addAscii(`${value}`)
  }

  /** `json`: the text of the value. */
  addJson(key: string, json: string): void {
    this.#addKey(key)
    this.#flush()
    this.#before += json
  }

  /** Nothing may be added any more. */
  end(): string {
    if (this.#isEmpty) this.#put(OPENING_BRACE)
    this.#put(CLOSING_BRACE)
    this.#flush()
    free = this.#memory
    return this.#before
  }

  #addKey(key: string): void {
    this.#put(this.#isEmpty ? OPENING_BRACE : COMMA)
    this.#isEmpty = false
    this.#addText(key)
    this.#put(COLON)
  }

  #put(byte: number): void {
    if (this.#at === ROOM_BYTES) this.#flush()
    this.#memory[this.#at++] = byte
  }

  #addText(text: string): void {
    if (!this.#addShort(text)) this.#addAsJson(text)
  }

  /** False, and nothing is added, if it is longer, or does not stand in JSON as it is. */
  #addShort(text: string): boolean {
    const { length } = text
    if (length > SHORT_TEXT) return false
    if (this.#at + SHORT_TEXT + 2 > ROOM_BYTES) this.#flush()
    const memory = this.#memory
    let at = this.#at
    memory[at++] = QUOTE
    for (let place = 0; place < length; place++) {
      const unit = text.charCodeAt(place)
      if (!isPlain(unit)) return false
      memory[at++] = unit
    }
    memory[at++] = QUOTE
    this.#at = at
    return true
  }

  #addAsJson(text: string): void {
    this.#flush()
    this.#before += JSON.stringify(text)
  }

  #addAscii(text: string): void {
    if (this.#at + NUMBER_BYTES > ROOM_BYTES) this.#flush()
    for (let place = 0; place < text.length; place++) this.#memory[this.#at++] = text.charCodeAt(place)
  }

  #flush(): void {
    const text = this.#memory.toString('latin1', 0, this.#at)
    this.#before = this.#before === '' ? text : this.#before + text
    this.#at = 0
  }
}

/** ASCII that stands in a text as it is. */
const isPlain = (unit: number): boolean =>
  unit >= 0x20 && unit <= 0x7e && unit !== QUOTE && unit !== BACKSLASH
