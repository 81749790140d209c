/**
 * A page takes as much with one label as with all of them: where labels are far apart, about a KiB
 * each.
 */
const PAGE_LABELS = 128

interface Page<T> {
  values: (T | undefined)[]
  count: number
  /** `frozen` handed its values out: they are never changed again, but replaced. */
  isFrozen: boolean
}

/**
 * A map of labels that grows a page at a time, and holds as many as memory does. V8's `Map` doubles
 * at once, which takes 50 ms at 2^18 entries and twice that each time after, and ends at 2^24. For
 * labels that are close together, as those are that `DurableIndex` gives out. Values are never
 * undefined. The order is that of the pages' first labels, and within a page of the labels.
 */
export class LabelMap<T> {
  readonly #pages = new Map<number, Page<T>>()
  #size = 0
  /** The page that was asked for last: what is asked for next is mostly near. */
  #lastNumber = -1
  #last: Page<T> | undefined

  get size(): number {
    return this.#size
  }

  get(label: number): T | undefined {
    return this.#page(label)?.values[label % PAGE_LABELS]
  }

  has(label: number): boolean {
    return this.get(label) !== undefined
  }

  set(label: number, value: T): void {
    const page = this.#page(label) ?? this.#addPage(label)
    const values = changeable(page)
    const place = label % PAGE_LABELS
    if (values[place] === undefined) {
      page.count++
      this.#size++
    }
    values[place] = value
  }

  delete(label: number): boolean {
    const page = this.#page(label)
    const place = label % PAGE_LABELS
    if (page?.values[place] === undefined) return false
    changeable(page)[place] = undefined
    this.#size--
    if (--page.count === 0) this.#dropPage(label)
    return true
  }

  /** May be changed meanwhile, as a `Map` may: what is not yet reached is met as it is by then. */
  *entries(): Generator<[label: number, value: T], void, void> {
    for (const [number, page] of this.#pages) {
      for (let place = 0; place < PAGE_LABELS; place++) {
        const value = page.values[place]
        if (value !== undefined) yield [number * PAGE_LABELS + place, value]
      }
    }
  }

  *keys(): Generator<number, void, void> {
    for (const [number, page] of this.#pages) {
      for (let place = 0; place < PAGE_LABELS; place++)
        if (page.values[place] !== undefined) yield number * PAGE_LABELS + place
    }
  }

  *values(): Generator<T, void, void> {
    for (const page of this.#pages.values()) {
      for (let place = 0; place < PAGE_LABELS; place++) {
        const value = page.values[place]
        if (value !== undefined) yield value
      }
    }
  }

  /**
   * The values of this moment, in order, however the map changes. Takes a step a page; then every
   * page that changes is copied once.
   */
  frozen(): () => Generator<T, void, void> {
    const pages: (readonly (T | undefined)[])[] = []
    for (const page of this.#pages.values()) {
      page.isFrozen = true
      pages.push(page.values)
    }
    return function* () {
      for (const values of pages) {
        for (const value of values) if (value !== undefined) yield value
      }
    }
  }

  #page(label: number): Page<T> | undefined {
    const number = Math.floor(label / PAGE_LABELS)
    if (number !== this.#lastNumber) {
      this.#last = this.#pages.get(number)
      this.#lastNumber = number
    }
    return this.#last
  }

  #addPage(label: number): Page<T> {
    this.#lastNumber = Math.floor(label / PAGE_LABELS)
    this.#last = { values: new Array(PAGE_LABELS).fill(undefined), count: 0, isFrozen: false }
    this.#pages.set(this.#lastNumber, this.#last)
    return this.#last
  }

  #dropPage(label: number): void {
    this.#lastNumber = -1
    this.#last = undefined
    this.#pages.delete(Math.floor(label / PAGE_LABELS))
  }
}

function changeable<T>(page: Page<T>): (T | undefined)[] {
  if (page.isFrozen) {
    page.values = page.values.slice()
    page.isFrozen = false
  }
  return page.values
}
