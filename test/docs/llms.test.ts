/** llms.txt tells of every page, and of nothing else. Its sample is compiled with all others. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { ROOT } from '../package/nodes.ts'

const text = readFileSync(join(ROOT, 'llms.txt'), 'utf8')
const links = [...text.matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g)].map(([, link]) => link!)

test('every link of llms.txt leads to a file', () => {
  assert.ok(links.length > 20)
  assert.deepEqual(
    links.filter((link) => !existsSync(join(ROOT, link))),
    [],
  )
})

test('llms.txt names every page of the documentation, but for single decisions and lists of pages', () => {
  const pages = readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md') && !/^decisions.\d|^guides.README/.test(name))
    .map((name) => `docs/${name.replaceAll('\\', '/')}`)
  assert.ok(pages.length > 20)
  assert.deepEqual(
    pages.filter((page) => !links.includes(page)),
    [],
  )
})

test('llms.txt has the shape that its readers expect: a title, what it is, and lists of links', () => {
  assert.match(text, /^# walv\n\n> .+\n\n/)
  const lists = text.split('\n## ').slice(1)
  for (const list of lists) assert.match(list, /^\w+\n\n(- \[[^\]]+\]\([^)]+\)(: .+)?\n)+\n?$/)
})
