import { WalError } from '../../errors.ts'

/** Longest name of an embedding model, in characters. */
const MAX_MODEL_LENGTH = 200

/** @throws WALV_INVALID_OPTION */
export function checkModel(model: unknown): void {
  const fits =
    typeof model === 'string' && model !== '' && model.length <= MAX_MODEL_LENGTH && model.isWellFormed()
  if (fits) return
  throw new WalError(
    'WALV_INVALID_OPTION',
    `The option model must be the name of an embedding model, a text of 1 to ${MAX_MODEL_LENGTH} characters.`,
  )
}
