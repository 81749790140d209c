// The same package from CommonJS in TypeScript.
import walv = require('walv')

export function open(directory: string): Promise<walv.DurableIndex> {
  return walv.DurableIndex.open({ directory, index: walv.flat({ dimensions: 3 }) })
}
