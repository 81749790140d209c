import { embed } from '../../../../embed.js'
import { passages } from '../../../lib/passages.js'

// The index needs files and a process that stays: not the edge.
export const runtime = 'nodejs'

export async function GET(request) {
  const text = new URL(request.url).searchParams.get('q')
  if (!text) return Response.json({ error: 'The parameter q is missing.' }, { status: 400 })
  const index = await passages()
  return Response.json(await index.search(await embed(text), { k: 5 }))
}

export async function POST(request) {
  const { id, text } = await request.json()
  const index = await passages()
  await index.upsert(id, await embed(text), { text })
  return Response.json({ id }, { status: 201 })
}
