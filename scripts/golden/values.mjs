// Entries of which the golden logs are made.
export const floats = (...values) => Float32Array.from(values)
export const bits = (...words) => new Float32Array(Uint32Array.from(words).buffer)
/** Few different bytes, so that a repository holds it in little space. */
export const ramp = (length) => Float32Array.from({ length }, (_, index) => index % 4)
export const insert = (id, vector, metadata = null) => ({ type: 'insert', id, vector, metadata })
export const remove = (id) => ({ type: 'delete', id })
export const custom = (kind, data) => ({ type: 'custom', kind, data })
