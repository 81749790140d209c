/**
 * The whole of what is printed, with DIR for the directory. N where it depends on when the log was
 * idle and said what is durable.
 */
export const TOLD: ReadonlyMap<string, string> = new Map([
  [
    'nothing',
    `Healthy.

10 records verify, 0 to 9. It was closed in order.
`,
  ],
  [
    'a torn tail',
    `Healthy, but for a torn tail: what a crash leaves.

- segment-0000000001.walv at offset 1672: the log was cut short while it was written, from record 9
  on. Nothing promised to be durable is lost.

9 records verify, 0 to 8.

What to do:
Nothing. The next opening cuts it.
`,
  ],
  [
    'a lost record',
    `Records that were acknowledged are lost.

- Record 3, in segment-0000000001.walv at byte 1240: 72 bytes there are damaged. Its id reads
  "doc-3"; it is nowhere else.
What it did is gone: there is no snapshot that holds it.

9 other records verify; the log ends with record 9.

What to do:
1. Look for a backup that has what is lost. If there is one, restore it and stop here.
2. Without one, give up what is lost. With the writer stopped:
     npx walv repair DIR
3. Then write what is lost again, from where it came.
`,
  ],
  [
    'a lost record that a snapshot holds',
    `Records that were acknowledged are lost.

- Record 4, in segment-0000000001.walv at byte N: N bytes there are damaged. Its id reads
  "doc-3".
What it did is in the snapshot through record 8: an index loses nothing.

13 other records verify; the log ends with record 13.

What to do:
Give up what is lost: an index needs it no more. With the writer stopped:
     npx walv repair DIR
`,
  ],
  [
    'a lost record behind the snapshot',
    `Records that were acknowledged are lost.

- Record 13, in segment-0000000001.walv at byte N: N bytes there are damaged. Its id reads
  "doc-2"; the snapshot has an older version of it.
What it did is gone: the snapshot through record 8 is older.

13 other records verify; the log ends with record 13.

What to do:
1. Look for a backup that has what is lost. If there is one, restore it and stop here.
2. Without one, give up what is lost. With the writer stopped:
     npx walv repair DIR
3. Then write what is lost again, from where it came.
`,
  ],
  [
    'a missing segment',
    `Records that were acknowledged are lost.

- Record 7, with the file before segment-0000000004.walv, which is missing.
What it did is gone: there is no snapshot that holds it.

9 other records verify; the log ends with record 9.

What to do:
1. Look for a backup that has what is lost. If there is one, restore it and stop here.
2. Without one, give up what is lost. With the writer stopped:
     npx walv repair DIR
3. Then write what is lost again, from where it came.
`,
  ],
  [
    'a file cut within what is used',
    `Records that were acknowledged may be lost. It cannot be known.

- segment-0000000001.walv was made with 262144 bytes and has 1672. Records at its end may be lost
  without a trace.

9 records verify, 0 to 8.

What to do:
1. Find out whether anything is missing behind the last record: compare with a backup, or with where
   the vectors came from.
2. Then go on with what is here. With the writer stopped:
     npx walv repair DIR
3. Write again what is missing.
`,
  ],
  [
    'no header at all',
    `Nothing of this log can be read any more.

- No segment has a valid header, so that nothing in segment-0000000001.walv can be verified.

What to do:
1. Keep what is there, under another name:
     mv DIR DIR.lost
2. Restore a backup in its place. Without one, build the index anew, from where its vectors came.
`,
  ],
  [
    'a damaged snapshot',
    `Damaged, but nothing that was acknowledged is lost.

- The snapshot through record 8 does not verify: the content of catalog.walvids does not match its
  hash. An earlier snapshot, or the log alone, is used instead.

14 records verify, 0 to 13.

What to do:
1. It opens as it is. When it suits you, stop its writer and repair it:
     npx walv repair DIR
2. Take a checkpoint: index.checkpoint(). Until then, leave quarantine/ as it is.
`,
  ],
  [
    'two segments under each other’s names',
    `Segments of the log are under wrong names.

- Record 6, with the file before segment-0000000003.walv, which is missing.
- Record 8, with the file before segment-0000000005.walv, which is missing.
They may be in the files under wrong names.

- segment-0000000002.walv is segment 4 of a log, under another name.
- segment-0000000004.walv is segment 2 of a log, under another name.

8 other records verify; the log ends with record 9.

What to do:
1. Stop the writer, and put the names right:
     mv DIR/segment-0000000002.walv DIR/segment-0000000002.walv.aside
     mv DIR/segment-0000000004.walv DIR/segment-0000000002.walv
     mv DIR/segment-0000000002.walv.aside DIR/segment-0000000004.walv
2. Look again:
     npx walv doctor DIR
`,
  ],
  [
    'a segment of another log',
    `Segments of more than one log are in this directory.

What to do:
1. Find out which of them belongs here; only you can know. One has 5 files, segment-0000000001.walv
   to segment-0000000005.walv, another segment-0000000007.walv.
2. If it is the first, stop the writer, and move what is not of it away:
     mkdir -p DIR/other-log
     mv DIR/segment-0000000007.walv DIR/other-log/segment-0000000007.walv
3. Look again:
     npx walv doctor DIR
`,
  ],
  [
    'a newer version',
    `This log needs a newer walv.

segment-0000000001.walv has format version 3; this walv reads up to 2.

What to do:
Use a newer walv:
     npx walv@latest doctor DIR
`,
  ],
  [
    'format v1',
    `This is a log of format v1. It has to be converted.

What to do:
1. Convert it:
     npx walv convert DIR DIR-v2
2. Use the new directory from then on. The old one stays as it is.
`,
  ],
  [
    'no log',
    `There is no log in DIR.

What to do:
1. Check the path.
2. If a new log is to begin here, open it for writing.
`,
  ],
])
