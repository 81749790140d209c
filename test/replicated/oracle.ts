import assert from 'node:assert/strict'
import type { DurableIndex, Settled, Ticket, WalError } from '../support/kit.ts'

/** Ids that are put there, or taken away, together; nobody else touches them. */
export interface Asked {
  readonly what: 'present' | 'absent'
  readonly ids: readonly string[]
  /** Undefined while nobody has answered. */
  outcome: 'acknowledged' | 'refused' | 'unknown' | undefined
  ticket: Ticket | undefined
}

/** What callers were told, and so what has to be there. */
export class Oracle {
  readonly #asked: Asked[] = []
  /** Of an id that several insert: how many were told that it was theirs. */
  readonly #winners = new Map<string, number>()

  ask(what: Asked['what'], ids: readonly string[], call: Promise<unknown>): Promise<void> {
    const asked: Asked = { what, ids, outcome: undefined, ticket: undefined }
    this.#asked.push(asked)
    return call.then(
      () => {
        asked.outcome = 'acknowledged'
      },
      (error: WalError) => {
        assert.equal(error.name, 'WalError', error.stack)
        asked.outcome = error.fate === 'not-logged' ? 'refused' : 'unknown'
        asked.ticket = (error.detail as { ticket?: Ticket } | undefined)?.ticket
      },
    )
  }

  contend(id: string, call: Promise<unknown>): Promise<void> {
    return call.then(
      () => void this.#winners.set(id, (this.#winners.get(id) ?? 0) + 1),
      (error: WalError) => assert.equal(error.name, 'WalError', error.stack),
    )
  }

  /** How many of each outcome there were. */
  get tally(): Record<string, number> {
    const counts: Record<string, number> = { winners: this.#winners.size }
    for (const { outcome } of this.#asked) counts[String(outcome)] = (counts[String(outcome)] ?? 0) + 1
    return counts
  }

  get unsettled(): readonly Asked[] {
    return this.#asked.filter(({ outcome, ticket }) => outcome === 'unknown' && ticket)
  }

  settled(asked: Asked, settled: Settled): void {
    assert.notEqual(settled, 'void', `${asked.ids} could not be refused at its place`)
    if (settled === 'applied') asked.outcome = 'acknowledged'
    else if (settled === 'never') asked.outcome = 'refused'
  }

  /** Fails unless an index holds what was acknowledged, and nothing that was refused. */
  check(index: Pick<DurableIndex, 'has'>, where: string): void {
    const last = new Map<string, Asked>()
    for (const asked of this.#asked) {
      const there = asked.ids.filter((id) => index.has(id)).length
      const isWhole = asked.what === 'absent' || there === 0 || there === asked.ids.length
      const deleted = this.#asked.some(
        (other) => other.what === 'absent' && other.ids.some((id) => asked.ids.includes(id)),
      )
      assert.ok(isWhole || deleted, `${where}: ${there} of ${asked.ids} are there`)
      for (const id of asked.ids) last.set(id, asked)
    }
    for (const [id, { what, outcome }] of last) {
      const isThere = index.has(id)
      if (outcome === 'acknowledged')
        assert.equal(
          isThere,
          what === 'present',
          `${where}: ${id} is ${isThere ? '' : 'not '}there, and ${what} was acknowledged`,
        )
      if (outcome === 'refused' && what === 'present')
        assert.equal(isThere, false, `${where}: ${id} is there, and was refused`)
    }
    for (const [id, count] of this.#winners) {
      assert.equal(count, 1, `${where}: ${count} were told that ${id} is theirs`)
      assert.ok(index.has(id), `${where}: ${id} is lost`)
    }
  }
}
