// Where a record stands in a segment, and how its beginning is lost.
export const SECTOR_BYTES = 512

/**
 * Where the frame of an insert of `ramp(200)` begins: 52 bytes and the vector stand before its id.
 */
export function frameOf(bytes, id) {
  const at = bytes.indexOf(id, 2 * SECTOR_BYTES) - 52 - 800
  if (bytes.readUInt32BE(at) !== 0xf55756fe) throw new Error(`no frame of ${id}`)
  return at
}

export function zeroSectorBefore(bytes, id) {
  const start = frameOf(bytes, id)
  // The sector in which the frame's header ends, from the header on: what stands before it in that
  // sector was synced earlier.
  bytes.fill(0, start, Math.ceil((start + 1) / SECTOR_BYTES) * SECTOR_BYTES)
}
