export function text(x, y, content, kind) {
  return `<text ${kind ? `class="${kind}" ` : ''}x="${x}" y="${y}">${escaped(content)}</text>`
}

export function escaped(content) {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

/** A picture with a card behind it, so that it can be read on any page. */
export function svg(title, width, height, style, parts) {
  const box = `width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"`
  const card = `<rect class="card" x=".5" y=".5" width="${width - 1}" height="${height - 1}" rx="8"/>`
  return `<svg xmlns="http://www.w3.org/2000/svg" ${box}>\n<title>${escaped(title)}</title>\n<style>${style}</style>\n${[card, ...parts].join('\n')}\n</svg>\n`
}
