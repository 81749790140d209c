/** The first page of the site, made of pieces of the README, so that each is said in one place. */

/** Two pictures beside each other where there is room; the terminal is wider than a telephone. */
const STYLE = `<style>
.pictures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 440px), 1fr)); gap: 24px; margin-top: 48px }
.pictures p { margin: 0 }
.pictures img { width: 100% }
.terminal { overflow-x: auto }
.terminal img { min-width: 720px }
</style>`
const SECTIONS = ['How fast', 'Quick start', 'When a disk goes bad']

/** Of the home page, as VitePress wants it, the Markdown. Links stay as they are in the README. */
export function homePage(readme) {
  const [, sentence] = /^# [^\n]+\n\n(.+?)\n\n/s.exec(readme) ?? missing('its first sentence')
  const guarantees = [...readme.matchAll(/^- \*\*(.+?)\.\*\* (.+?)(?=\n- |\n\n)/gms)].slice(0, 4)
  if (guarantees.length < 4) missing('four guarantees')
  const front = {
    layout: 'home',
    hero: {
      name: 'walv',
      text: 'Vectors that survive',
      tagline: asHtml(sentence),
      actions: [
        { theme: 'brand', text: 'Quick start', link: '#quick-start' },
        { theme: 'alt', text: 'Overview', link: '/readme' },
        { theme: 'alt', text: 'Reference', link: '/reference/' },
      ],
    },
    features: guarantees.map(([, title, details]) => ({ title, details: asHtml(details) })),
  }
  const chart = imageOf(readme, 'inserts.svg')
  const pieces = [
    `<div class="pictures">\n\n${imageOf(readme, 'steps.svg')}\n\n${chart}\n\n</div>`,
    ...SECTIONS.map((title) => sectionOf(readme, title).replace(`\n${chart}\n`, '')),
    '## See it',
    `<div class="terminal">\n\n${imageOf(readme, 'demo.svg')}\n\n</div>`,
    'This is what `npm run demo` prints in a clone. `npx walv demo` does the same with words that it makes up.',
  ]
  return `---\n${JSON.stringify(front, null, 2)}\n---\n\n${STYLE}\n\n${pieces.join('\n\n')}\n`
}

/** What VitePress puts into a page as it is. */
function asHtml(text) {
  return text.replaceAll(/\s+/g, ' ').replaceAll(/`(.+?)`/g, '<code>$1</code>')
}

function sectionOf(readme, title) {
  const [, text] = readme.split(`\n## ${title}\n`)
  if (text === undefined) missing(title)
  return `## ${title}\n${text.split('\n## ')[0].trimEnd()}`
}

function imageOf(readme, name) {
  return (
    readme.split('\n').find((line) => line.startsWith('![') && line.endsWith(`/${name})`)) ?? missing(name)
  )
}

function missing(what) {
  throw new Error(`The README does not have what the home page takes from it: ${what}.`)
}
