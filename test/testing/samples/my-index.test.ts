import { test } from 'node:test'
import { flat, vectorIndexConformance } from '../../support/kit.ts'

for (const { name, run } of vectorIndexConformance(() => flat({ dimensions: 8 }))) test(name, run)
