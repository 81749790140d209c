// Makes the types of walv/langchain for those who require it. @langchain/core has other types for
// them than for those who import it, and a class of the one kind is not assignable to its like of
// the other. So these refer to @langchain/core as CommonJS does; what is walv's own they import, as
// a module of its kind has to be.
import { readFileSync, writeFileSync } from 'node:fs'

const OWN_IMPORTS = /^import (?:type )?\{([^}]*)\} from '(\.[^']+)';$/gm

const types = readFileSync('dist/adapters/langchain.d.ts', 'utf8')
const required = types.replace(OWN_IMPORTS, (_, names, path) => {
  const onlyTypes = names.replaceAll(/\btype /g, '')
  return `import type {${onlyTypes}} from '${path}' with { 'resolution-mode': 'import' };`
})
if (required === types)
  throw new Error('the types of walv/langchain import nothing of walv: this script is out of date')
writeFileSync('dist/adapters/langchain.d.cts', required)
