/** What doctor advises for each illness. */
import type { Remedy } from '../../src/mod.ts'

export const BACKUP = 'Look for a backup that has what is lost. If there is one, restore it and stop here.'
export const GIVE_UP = 'Without one, give up what is lost. With the writer stopped:\nnpx walv repair DIR'
export const WRITE_AGAIN = 'Then write what is lost again, from where it came.'
const REPAIR = 'It opens as it is. When it suits you, stop its writer and repair it:\nnpx walv repair DIR'

const BEGIN_ANEW = [
  'Look for the segments that are missing, where the directory was copied from. Put in their place, they make the log whole again.',
  'Without them, begin the log anew from snapshots/snapshot-0000000000000008, which holds everything through record 8. What was logged after that is given up. With the writer stopped:\nnpx walv repair DIR',
  'Then write again what came after record 8, from where it came.',
]

const KEEP = 'Keep what is there, under another name:\nmv DIR DIR.lost'

const RESTORE =
  'Restore a backup in its place. Without one, build the index anew, from where its vectors came.'

const LEAVE_QUARANTINE = 'Take a checkpoint: index.checkpoint(). Until then, leave quarantine/ as it is.'
const LOOK_AGAIN = 'Look again:\nnpx walv doctor DIR'
const NEWER = 'Use a newer walv:\nnpx walv@latest doctor DIR'
const USE_NEW = 'Use the new directory from then on. The old one stays as it is.'

/** For each illness what is copied or moved, and what to do, with DIR for the directory. */
export const REMEDIES: ReadonlyMap<string, Pick<Remedy, 'files' | 'steps'>> = new Map([
  ['nothing', { files: [], steps: [] }],
  ['a torn tail', { files: [], steps: ['Nothing. The next opening cuts it.'] }],
  ['a lost record', { files: ['segment-0000000001.walv'], steps: [BACKUP, GIVE_UP, WRITE_AGAIN] }],
  [
    'a lost record that a snapshot holds',
    {
      files: ['segment-0000000001.walv'],
      steps: [
        'Give up what is lost: an index needs it no more. With the writer stopped:\nnpx walv repair DIR',
      ],
    },
  ],
  [
    'a lost record behind the snapshot',
    { files: ['segment-0000000001.walv'], steps: [BACKUP, GIVE_UP, WRITE_AGAIN] },
  ],
  ['one lost copy of a header', { files: ['segment-0000000001.walv'], steps: [REPAIR] }],
  ['both copies of a header lost', { files: ['segment-0000000003.walv'], steps: [REPAIR] }],
  ['no header at all', { files: [], steps: [KEEP, RESTORE] }],
  ['an empty file', { files: [], steps: [KEEP, RESTORE] }],
  ['a file cut behind what is used', { files: ['segment-0000000001.walv'], steps: [REPAIR] }],
  [
    'a file cut within what is used',
    {
      files: ['segment-0000000001.walv'],
      steps: [
        'Find out whether anything is missing behind the last record: compare with a backup, or with where the vectors came from.',
        'Then go on with what is here. With the writer stopped:\nnpx walv repair DIR',
        'Write again what is missing.',
      ],
    },
  ],
  ['a missing segment', { files: ['segment-0000000004.walv'], steps: [BACKUP, GIVE_UP, WRITE_AGAIN] }],
  [
    'a missing segment that a snapshot covers',
    {
      files: ['segment-0000000001.walv'],
      steps: [
        'It opens as it is. When it suits you, stop its writer and move away what stands before the missing file and is needed no more:\nmkdir -p DIR/quarantine\nmv DIR/segment-0000000001.walv DIR/quarantine/segment-0000000001.walv',
      ],
    },
  ],
  ['no segment at all', { files: [], snapshot: 'snapshots/snapshot-0000000000000008', steps: BEGIN_ANEW }],
  [
    'a damaged snapshot',
    { files: ['snapshots/snapshot-0000000000000008'], steps: [REPAIR, LEAVE_QUARANTINE] },
  ],
  [
    'a missing snapshot',
    {
      files: [],
      steps: [
        'Start your program, and take a checkpoint: index.checkpoint(). Until then this is told again.',
      ],
    },
  ],
  [
    'a damaged snapshot without what came before',
    {
      files: ['segment-0000000016.walv', 'snapshots/snapshot-0000000000000060'],
      steps: [
        'Look for a backup of snapshots/snapshot-0000000000000060: put in its place, it makes the log whole again. Or for one of all of the directory.',
        GIVE_UP,
        WRITE_AGAIN,
        LEAVE_QUARANTINE,
      ],
    },
  ],
  [
    'a segment under another name',
    {
      files: ['segment-0000000077.walv'],
      steps: [
        'Stop the writer, and put the names right:\nmv DIR/segment-0000000077.walv DIR/segment-0000000003.walv',
        LOOK_AGAIN,
      ],
    },
  ],
  [
    'two segments under each other’s names',
    {
      files: ['segment-0000000002.walv', 'segment-0000000004.walv'],
      steps: [
        'Stop the writer, and put the names right:\nmv DIR/segment-0000000002.walv DIR/segment-0000000002.walv.aside\nmv DIR/segment-0000000004.walv DIR/segment-0000000002.walv\nmv DIR/segment-0000000002.walv.aside DIR/segment-0000000004.walv',
        LOOK_AGAIN,
      ],
    },
  ],
  [
    'a segment that is there twice',
    {
      files: ['segment-0000000077.walv'],
      steps: [
        'Stop the writer, and put the names right:\nmv DIR/segment-0000000077.walv DIR/segment-0000000077.walv.copy',
        LOOK_AGAIN,
      ],
    },
  ],
  [
    'a segment of another log',
    {
      files: ['segment-0000000007.walv'],
      steps: [
        'Find out which of them belongs here; only you can know. One has 5 files, segment-0000000001.walv to segment-0000000005.walv, another segment-0000000007.walv.',
        'If it is the first, stop the writer, and move what is not of it away:\nmkdir -p DIR/other-log\nmv DIR/segment-0000000007.walv DIR/other-log/segment-0000000007.walv',
        LOOK_AGAIN,
      ],
    },
  ],
  [
    'a folder named like a segment',
    {
      files: ['segment-0000000009.walv'],
      steps: [
        'It opens as it is. Give what is no segment another name:\nmv DIR/segment-0000000009.walv DIR/segment-0000000009.walv.stray',
      ],
    },
  ],
  [
    'a record that makes no sense',
    {
      files: [],
      steps: [
        "Restore a backup, or open it with recovery: 'salvage', which passes over such records. A repair leaves them.",
        'Report this, with what is printed by:\nnpx walv doctor DIR --json',
      ],
    },
  ],
  ['a newer version', { files: [], steps: [NEWER] }],
  ['an unknown feature', { files: [], steps: [NEWER] }],
  ['format v1', { files: [], steps: ['Convert it:\nnpx walv convert DIR DIR-v2', USE_NEW] }],
  [
    'a link in the place of a segment',
    {
      files: ['segment-0000000005.walv'],
      steps: [
        `Stop the writer, and put what the links lead to in their place:
cp -L DIR/segment-0000000005.walv DIR/segment-0000000005.walv.target
mv DIR/segment-0000000005.walv.target DIR/segment-0000000005.walv`,
        LOOK_AGAIN,
      ],
    },
  ],
  [
    'a link as LOCK',
    {
      files: ['LOCK'],
      steps: [
        'Give what is no lock file another name. The next writer makes a new one:\nmv DIR/LOCK DIR/LOCK.stray',
      ],
    },
  ],
  [
    'format v1, damaged',
    {
      files: [],
      steps: [
        'Look for a backup that is whole.',
        'Without one, convert what can be read:\nnpx walv convert DIR DIR-v2 --salvage',
        USE_NEW,
      ],
    },
  ],
  [
    'no log',
    { files: [], steps: ['Check the path.', 'If a new log is to begin here, open it for writing.'] },
  ],
])
