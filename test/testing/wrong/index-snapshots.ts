import type { FrozenIndex, SnapshotReader } from '../../../src/mod.ts'
import { Flat, type WrongIndex } from './flat-index.ts'

/** A reader whose files are read whole and changed. */
const changing = (files: SnapshotReader, change: (content: Buffer) => Buffer): SnapshotReader => ({
  path: (name) => files.path(name),
  async *read(name) {
    const pieces: Buffer[] = []
    for await (const piece of files.read(name)) pieces.push(Buffer.from(piece))
    yield change(Buffer.concat(pieces))
  },
})

const HEADER_BYTES = 32

/** What is wrong with the snapshots of an index. */
export const WRONG_SNAPSHOTS: Record<string, WrongIndex> = {
  'numbers labels anew when it loads': {
    caughtBy: 'a snapshot brings back every label with its vector, bit for bit, and the same answers',
    type: class extends Flat {
      override load(files: SnapshotReader): Promise<void> {
        const count = (content: Buffer): number => Number(content.readBigUInt64LE(24))
        return super.load(
          changing(files, (content) => {
            if (content.length <= HEADER_BYTES) return content
            for (let at = 0; at < count(content); at++)
              content.writeBigUInt64LE(BigInt(at), HEADER_BYTES + 8 * at)
            return content
          }),
        )
      }
    },
  },
  'rounds what it saves': {
    caughtBy: 'a snapshot brings back every label with its vector, bit for bit, and the same answers',
    type: class extends Flat {
      override load(files: SnapshotReader): Promise<void> {
        return super.load(
          changing(files, (content) => {
            for (let at = content.length - 4; at > HEADER_BYTES + 8 * 700; at -= 4) content[at]! &= 0xf0
            return content
          }),
        )
      }
    },
  },
  'does not save what is empty': {
    caughtBy: 'the snapshot of an empty index is an empty index',
    type: class extends Flat {
      override freeze(): FrozenIndex {
        if (this.size > 0) return super.freeze()
        return { save: async () => {}, release: () => {} }
      }
    },
  },
  'freezes when it saves': {
    caughtBy: 'a snapshot is of the moment of the freeze, whatever changes before and while it is saved',
    type: class extends Flat {
      override freeze(): FrozenIndex {
        const freeze = (): FrozenIndex => super.freeze()
        return {
          async save(files) {
            const frozen = freeze()
            await frozen.save(files)
            frozen.release()
          },
          release: () => {},
        }
      }
    },
  },
  'lets go of what is frozen when the save begins': {
    caughtBy: 'a snapshot is of the moment of the freeze, whatever changes before and while it is saved',
    type: class extends Flat {
      override freeze(): FrozenIndex {
        const frozen = super.freeze()
        const releasing = async function* (pieces: Iterable<Uint8Array> | AsyncIterable<Uint8Array>) {
          for await (const piece of pieces) {
            frozen.release()
            yield piece
          }
        }
        return {
          save: (files) =>
            frozen.save({ ...files, write: (name, pieces) => files.write(name, releasing(pieces)) }),
          release: () => {},
        }
      }
    },
  },
  'keeps the pieces that it reads': {
    caughtBy: 'a snapshot brings back every label with its vector, bit for bit, and the same answers',
    type: class extends Flat {
      override load(files: SnapshotReader): Promise<void> {
        return super.load({
          path: (name) => files.path(name),
          async *read(name) {
            const pieces: Uint8Array[] = []
            for await (const piece of files.read(name)) pieces.push(piece)
            yield* pieces
          },
        })
      }
    },
  },
  'takes nothing while it is frozen, and forgets it': {
    caughtBy: 'freezing is synchronous, and a frozen state that is let go leaves no trace',
    type: class extends Flat {
      #frozen = false
      override freeze(): FrozenIndex {
        const frozen = super.freeze()
        this.#frozen = true
        return {
          save: (files) => frozen.save(files),
          release: () => {
            this.#frozen = false
            frozen.release()
          },
        }
      }
      override set(label: number, vector: Float32Array): void {
        if (!this.#frozen) super.set(label, vector)
      }
    },
  },
  'does not tell that saving failed': {
    caughtBy: 'a save that fails is told, and leaves the index as it was',
    type: class extends Flat {
      override freeze(): FrozenIndex {
        const frozen = super.freeze()
        return { save: (files) => frozen.save(files).catch(() => {}), release: () => frozen.release() }
      }
    },
  },
  'does not take anything once it was loaded': {
    caughtBy: 'an index that was loaded goes on like any other',
    type: class extends Flat {
      #loaded = false
      override async load(files: SnapshotReader): Promise<void> {
        await super.load(files)
        this.#loaded = super.size > 0
      }
      override set(label: number, vector: Float32Array): void {
        if (!this.#loaded) super.set(label, vector)
      }
    },
  },
  'loads what is there of a snapshot': {
    caughtBy: 'a snapshot that lacks a file, or a part of one, is refused',
    type: class extends Flat {
      override load(files: SnapshotReader): Promise<void> {
        return super.load(files).catch(() => {})
      }
    },
  },
}
