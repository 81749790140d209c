import { test } from 'node:test'
import { flat } from '../../../src/mod.ts'
import { vectorIndexConformance } from '../../../src/testing/mod.ts'

for (const { name, run } of vectorIndexConformance(() => flat({ dimensions: 8 }))) test(name, run)
