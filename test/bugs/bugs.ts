/**
 * Bugs to be put into a copy of walv on purpose, one at a time, and the test that must then fail.
 */

export interface Edit {
  readonly file: string
  /** Stands in the file exactly once. */
  readonly find: string
  readonly replace: string
}

export interface Bug {
  readonly name: string
  readonly edits: readonly Edit[]
  readonly caughtBy: TestName
}

export interface TestName {
  readonly file: string
  readonly test: string
}

const explorer = (workload: string): TestName => ({
  file: `test/crash/${/index/.test(workload) ? 'crash-index' : /large|sustained/.test(workload) ? 'crash-large' : 'crash'}.test.ts`,
  test: `${workload}: whatever a power cut leaves is acceptable`,
})

const cluster: TestName = {
  file: 'test/replicated/cluster.test.ts',
  test: 'nothing acknowledged is lost, doubled or torn, and all nodes hold the same',
}

export const BUGS: readonly Bug[] = [
  {
    name: 'frames behind a gap accepted',
    edits: [
      {
        file: 'src/replicated/writers.ts',
        find: "if (number > writer.next) return 'gap'",
        replace: '',
      },
    ],
    caughtBy: cluster,
  },
  {
    name: 'changes acknowledged before they have come back',
    edits: [
      {
        file: 'src/replicated/outbox.ts',
        find: '() => this.#link.heard(),',
        replace: '() => frame.items.forEach(({ number }) => this.#own.placed(number, { seq: 0 })),',
      },
    ],
    caughtBy: cluster,
  },
  {
    name: 'table of writers not in the snapshot',
    edits: [
      {
        file: 'src/replicated/order.ts',
        find: 'writers: JSON.parse(JSON.stringify(this.writers)),',
        replace: 'writers: null,',
      },
    ],
    caughtBy: cluster,
  },
  {
    name: 'frames of a retired writer accepted',
    edits: [
      {
        file: 'src/replicated/writers.ts',
        find: "if (writer.isRetired) return 'retired'",
        replace: '',
      },
    ],
    caughtBy: {
      file: 'test/replicated/trouble.test.ts',
      test: 'what was settled as never may be done again: it happens once',
    },
  },
  {
    name: 'sync forgotten',
    edits: [
      { file: 'src/log/write/segment-writer.ts', find: 'await this.#active.file.sync()', replace: '' },
      {
        file: 'src/log/write/segment-writer.ts',
        find: "await this.#writeBehind(group, durableBefore, 'writeSynced')",
        replace: "await this.#writeBehind(group, durableBefore, 'write')",
      },
    ],
    caughtBy: explorer('log'),
  },
  {
    name: 'directory sync forgotten',
    edits: [
      {
        file: 'src/log/segment/segments.ts',
        find: 'await changeNames(disk, directory, () => name(temporary, path))',
        replace: 'await name(temporary, path)',
      },
    ],
    caughtBy: explorer('log'),
  },
  {
    name: 'watermark too early',
    edits: [
      {
        file: 'src/log/write/segment-writer.ts',
        find: 'group.setWatermark(durableBefore)\n    const bytes = group.frames()',
        replace:
          'group.setWatermark(Math.max(durableBefore, group.nextSeq - 1))\n    const bytes = group.frames()',
      },
    ],
    caughtBy: explorer('log'),
  },
  {
    name: 'checksum not covering the length',
    edits: [
      {
        file: 'src/format/segment-codec.ts',
        find: 'crc32(view, at, at + 36, this.#seed)',
        replace: 'crc32(view, at + 8, at + 36, this.#seed)',
      },
      {
        file: 'src/format/segment-codec.ts',
        find: 'crc32Words(words, at, at + 36, this.#seed)',
        replace: 'crc32Words(words, at + 8, at + 36, this.#seed)',
      },
    ],
    caughtBy: {
      file: 'test/crash/regressions.test.ts',
      test: 'a frame whose length was changed is no frame: the sum of its header covers the length',
    },
  },
  {
    name: 'transaction applied at begin',
    edits: [
      {
        file: 'src/log/read/replay.ts',
        find: 'if (transactionId === undefined) {',
        replace: 'if (transactionId === undefined || seq >= 0) {',
      },
    ],
    caughtBy: explorer('log'),
  },
  {
    name: 'tail not re-proved',
    edits: [
      {
        file: 'src/log/recover/recover.ts',
        find: 'const unproved = Math.min(Math.max(found.durableBefore, found.firstSeq), found.endSeq)',
        replace: 'const unproved = found.endSeq',
      },
    ],
    caughtBy: explorer('failing-log'),
  },
  {
    name: 'retention off by one',
    edits: [
      {
        file: 'src/log/segment/segments.ts',
        find: 'this.#extents[0]!.supersededFrom <= floorSeq',
        replace: 'this.#extents[0]!.supersededFrom <= floorSeq + 1',
      },
    ],
    caughtBy: explorer('log'),
  },
  {
    name: 'recycled bytes accepted',
    edits: [
      {
        file: 'src/format/segment.ts',
        find: 'return crc32(identity, 0, identity.byteLength, 0)',
        replace: 'return crc32(identity, 0, LOG_ID_BYTES, 0)',
      },
    ],
    caughtBy: {
      file: 'test/crash/regressions.test.ts',
      test: 'a record that stood in another segment under the same number is not taken for the one that stands here',
    },
  },
  {
    name: 'poison not sticky',
    edits: [
      {
        file: 'src/log/write/group-commit.ts',
        find: 'if (this.poison) throw refusedBy(this.poison, this.poison)',
        replace:
          'const poison = this.#poison\n    this.#poison = undefined\n    if (poison) throw refusedBy(poison, poison)',
      },
    ],
    caughtBy: explorer('failing-log'),
  },
  {
    name: 'rename before sync',
    edits: [
      {
        file: 'src/log/segment/segments.ts',
        find: 'await write?.(file)\n    await file.sync()',
        replace: 'await write?.(file)',
      },
      {
        file: 'src/log/segment/segments.ts',
        find: '() => name(temporary, path))',
        replace: '() => name(temporary, path).then(() => file.sync()))',
      },
    ],
    caughtBy: explorer('log'),
  },
  {
    name: 'answers applied as they come',
    edits: [
      {
        file: 'src/index/durable/apply-queue.ts',
        find: 'item.answer = answer',
        replace: 'this.#waiting.first!.answer = answer',
      },
    ],
    caughtBy: {
      file: 'test/index/durable/apply-queue.test.ts',
      test: 'in whatever order the log answers, changes are applied in the order in which they were handed to it',
    },
  },
  {
    name: 'transaction keeps borrowed memory',
    edits: [
      {
        file: 'src/log/read/replay.ts',
        find: 'vector: entry.vector.slice() }',
        replace: 'vector: entry.vector }',
      },
    ],
    caughtBy: {
      file: 'test/log/read/borrow.test.ts',
      test: 'a transaction is whole, though it was read long before its commit, from memory that was used again',
    },
  },
  {
    name: 'undo beside a sync',
    edits: [
      {
        file: 'src/log/write/segment-writer.ts',
        find: 'const lost = await this.#synced',
        replace: 'const lost = this.#lock.lost',
      },
    ],
    caughtBy: {
      file: 'test/log/write/failures.test.ts',
      test: 'undoing a group waits for the sync under way, which alone is told what it lost',
    },
  },
]
