import { expect, test } from 'vitest'
import { configJsonSchema } from './json-schema.ts'

test('editors get names, forms and defaults, and only three keys are required', () => {
  const schema = configJsonSchema()
  expect(schema).toMatchObject({
    type: 'object',
    required: ['project', 'services', 'environments'],
    additionalProperties: false,
    properties: {
      keepReleases: { type: 'integer', default: 10 },
      environments: {
        additionalProperties: {
          properties: {
            target: { anyOf: [{ enum: ['local'] }, { properties: { name: { const: 'local' } } }], default: 'local' },
          },
        },
      },
    },
  })
  expect(JSON.stringify(schema)).not.toMatch(/"(?:form|defaultText)":/)
})
