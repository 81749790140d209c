import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findCommand, type OptionValues, parseCommand } from '../../src/cli/args.ts'
import { programHelp } from '../../src/cli/help.ts'
import { defineCommand } from '../../src/cli/spec.ts'
import { isError } from './import/vector-files.ts'

const command = defineCommand({
  name: 'import',
  summary: 'reads vectors from a file into a durable index',
  details: 'Ids of .npy and .fvecs files are row numbers.',
  positionals: {
    directory: { description: 'Where the index is' },
    file: { description: 'A file of vectors', optional: true },
  },
  options: {
    json: { type: 'boolean', description: 'Print JSON' },
    count: {
      type: 'integer',
      short: 'k',
      placeholder: 'N',
      min: 1,
      max: 1000,
      default: 10,
      description: 'How many',
    },
    from: { type: 'integer', placeholder: 'SEQ', description: 'Where to begin' },
    'segment-bytes': {
      type: 'bytes',
      placeholder: 'SIZE',
      min: 4096,
      max: 2 ** 30,
      description: 'Size of a segment',
    },
    budget: { type: 'bytes', placeholder: 'SIZE', default: 64 * 2 ** 20, description: 'Memory' },
    metric: { type: 'choice', choices: ['cosine', 'l2', 'ip'], default: 'cosine', description: 'Distance' },
    word: { type: 'string', short: 'w', placeholder: 'WORD', description: 'What to look for' },
  },
})

function parse(...args: string[]) {
  const parsed = parseCommand(command, args)
  assert.equal(parsed.help, undefined)
  return parsed as Exclude<typeof parsed, { help: string }>
}

function assertUsage(args: string[], message: RegExp): void {
  assert.throws(() => parseCommand(command, args), isError('WALV_USAGE', message))
  assert.throws(() => parseCommand(command, args), /See `walv import --help`\.$/)
}

test('What is not given has its default, or is false or undefined', () => {
  const { options, positionals } = parse('./data')
  assert.deepEqual(options, {
    json: false,
    count: 10,
    from: undefined,
    'segment-bytes': undefined,
    budget: 67_108_864,
    metric: 'cosine',
    word: undefined,
  })
  assert.deepEqual(positionals, { directory: './data', file: undefined })
})

test('Options are read in long and short form, before, between and behind the positionals', () => {
  const { options, positionals } = parse(
    '--json',
    'dir',
    '-k',
    '3',
    '--word=a=b',
    'file.npy',
    '--metric',
    'ip',
    '--from=0',
  )
  assert.deepEqual(positionals, { directory: 'dir', file: 'file.npy' })
  assert.equal(options.json, true)
  assert.deepEqual([options.count, options.word, options.metric, options.from], [3, 'a=b', 'ip', 0])
  assert.equal(parse('dir', '-k7').options.count, 7)
})

test('Of a repeated option the last holds; behind -- everything is a positional', () => {
  assert.equal(parse('dir', '-k1', '--count=2').options.count, 2)
  assert.deepEqual(parse('--', '-odd', '--json').positionals, { directory: '-odd', file: '--json' })
  assert.equal(parse('dir', '--word=-x').options.word, '-x')
})

test('The types of values follow from the definition', () => {
  const { options, positionals } = parse('dir')
  const typed: {
    json: boolean
    count: number
    from: number | undefined
    metric: 'cosine' | 'l2' | 'ip'
    word: string | undefined
  } = options
  const directory: string = positionals.directory
  // @ts-expect-error: not given and without a default, it is undefined.
  const from: number = options.from
  const keys: keyof OptionValues<typeof command.options> = 'segment-bytes'
  assert.deepEqual([typed.count, directory, from, options[keys]], [10, 'dir', undefined, undefined])
})

test('Sizes take units, binary and decimal', () => {
  const sizes: [text: string, bytes: number][] = [
    ['4096', 4096],
    ['4096B', 4096],
    ['64MiB', 64 * 2 ** 20],
    ['64 MiB', 64 * 2 ** 20],
    ['8KiB', 8192],
    ['5kB', 5000],
    ['5KB', 5000],
    ['1GB', 1e9],
    ['1GiB', 2 ** 30],
  ]
  for (const [text, bytes] of sizes)
    assert.equal(parse('dir', '--segment-bytes', text).options['segment-bytes'], bytes)
  assert.equal(parse('dir', '--budget', '2TiB').options.budget, 2 ** 41)
})

test('A size that is none or out of range is refused with the range', () => {
  const texts = [
    '',
    '8192M',
    '8192mib',
    '1.5GiB',
    'MiB',
    '64 MiB ',
    '4095',
    '2GiB',
    '0x1000',
    '9'.repeat(400),
    '4096constructor',
  ]
  for (const text of texts) {
    assertUsage(
      ['dir', `--segment-bytes=${text}`],
      /--segment-bytes needs a size such as 4096 or 64MiB from 4 KiB to 1 GiB, not /,
    )
  }
})

test('A number that is none or out of range is refused with the range', () => {
  for (const text of ['', '0', '1001', '1e2', '1.0', '-5', ' 5', 'ten', '5MiB']) {
    assertUsage(
      ['dir', `--count=${text}`],
      new RegExp(`--count needs a whole number from 1 to 1,000, not "${text}"\\.`),
    )
  }
  assertUsage(
    ['dir', '--from', '9007199254740992'],
    /--from needs a whole number of at least 0, not "9007199254740992"/,
  )
  assert.equal(parse('dir', '--from', '9007199254740991').options.from, Number.MAX_SAFE_INTEGER)
})

test('An unknown option is refused, with the one that may be meant', () => {
  assertUsage(['dir', '--jsno'], /There is no option --jsno\. Did you mean --json\?/)
  assertUsage(['dir', '--metrics=l2'], /There is no option --metrics\. Did you mean --metric\?/)
  assertUsage(['dir', '--hepl'], /Did you mean --help\?/)
  assertUsage(['dir', '--verbose'], /There is no option --verbose\. See/)
  assertUsage(['dir', '-x'], /There is no option -x\. See/)
  assertUsage(['dir', '--constructor'], /There is no option --constructor\. See/)
  assertUsage(['dir', '--__proto__'], /There is no option --__proto__\. See/)
})

test('A value that is missing, not wanted or not among the choices is refused', () => {
  assertUsage(['dir', '--word'], /--word needs a value\./)
  assertUsage(['dir', '-w'], /-w needs a value\./)
  assertUsage(['dir', '--count', '--json'], /--count needs a value\./)
  assertUsage(['dir', '--json=yes'], /--json takes no value\./)
  assertUsage(['dir', '--metric', 'l3'], /--metric is one of cosine, l2, ip, not "l3"\./)
})

test('Positionals that are missing or too many are refused', () => {
  assertUsage([], /DIRECTORY is missing\./)
  assertUsage(['--json'], /DIRECTORY is missing\./)
  assertUsage(['a', 'b', 'c'], /"c" is one argument too many\./)
})

test('--help answers with the help of the command, whatever else is wrong', () => {
  const expected = `walv import: reads vectors from a file into a durable index

Usage: walv import DIRECTORY [FILE] [OPTIONS]

Ids of .npy and .fvecs files are row numbers.

  DIRECTORY  Where the index is
  FILE       A file of vectors

      --json                 Print JSON
  -k, --count N              How many (default 10)
      --from SEQ             Where to begin
      --segment-bytes SIZE   Size of a segment
      --budget SIZE          Memory (default 64 MiB)
      --metric cosine|l2|ip  Distance (default cosine)
  -w, --word WORD            What to look for
  -h, --help                 Show this
`
  for (const args of [['--help'], ['-h'], ['dir', '--nonsense', '-k', 'x', '--help']]) {
    assert.deepEqual(parseCommand(command, args), { help: expected })
  }
})

test('A command without arguments has a help without empty sections', () => {
  const bare = defineCommand({ name: 'demo', summary: 'shows it', positionals: {}, options: {} })
  const expected = 'walv demo: shows it\n\nUsage: walv demo [OPTIONS]\n\n  -h, --help  Show this\n'
  assert.deepEqual(parseCommand(bare, ['-h']), { help: expected })
})

test('The help of the program lists the commands', () => {
  const help = programHelp([command, { name: 'log', summary: 'prints the records' }])
  assert.match(help, /^walv: a crash-safe .+\n\nUsage: walv COMMAND/)
  assert.ok(
    help.includes(
      '\n  import  reads vectors from a file into a durable index\n  log     prints the records\n',
    ),
    help,
  )
})

test('A command is found by its name, and a mistyped one suggested', () => {
  const commands = [command, { name: 'log' }]
  assert.equal(findCommand(commands, 'log'), commands[1])
  const mistyped = /There is no command "imprt"\. Did you mean `walv import`\? See `walv --help`\.$/
  assert.throws(() => findCommand(commands, 'imprt'), isError('WALV_USAGE', mistyped))
  assert.throws(
    () => findCommand(commands, 'frobnicate'),
    isError('WALV_USAGE', /"frobnicate"\. See `walv --help`\.$/),
  )
  assert.throws(() => findCommand(commands, 'constructor'), isError('WALV_USAGE', /no command "constructor"/))
})
