import { z } from '@hono/zod-openapi'

const name = z.string().regex(/^[a-z][a-z0-9-]{0,62}$/, 'must be lower-case letters, digits and hyphens')
const directory = z.string().startsWith('/').max(4096)
const config = z
  .string()
  .regex(/^[^/\\]{1,255}$/, 'must be the name of a file in the project folder')
  .meta({ description: 'File name of the configuration; absent: the only one that is there' })
const variable = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, 'must be the name of an environment variable')
const MAX_VALUE = 64 * 1024

const uploadId = z.string().min(1).max(64)
const gitText = z.string().max(1024 * 1024)
const proofSchema = z
  .strictObject({
    object: gitText.meta({ description: 'Text of the commit (git cat-file commit)' }),
    trees: z
      .array(
        z.strictObject({
          entries: z
            .array(z.tuple([z.string().max(6), z.string().max(4096), z.string().regex(/^[0-9a-f]{40,64}$/)]))
            .readonly(),
          folder: z.string().min(1).max(255),
        }),
      )
      .max(100)
      .readonly(),
  })
  .meta({ id: 'CommitProof', description: 'That the upload is the content of a commit; believed when it is proven' })

const sourceSchema = z
  .discriminatedUnion('kind', [
    z.strictObject({
      kind: z.literal('commit'),
      directory: directory
        .exactOptional()
        .meta({ description: 'Project folder; absent: where the project was deployed from before' }),
      revision: z.string().min(1).max(255).meta({ description: 'Commit, tag or branch' }),
      config: config.exactOptional(),
    }),
    z.strictObject({
      kind: z.literal('folder'),
      directory,
      config: config.exactOptional(),
      artifact: directory.exactOptional().meta({ description: 'Output that was built elsewhere: taken as it is' }),
    }),
    z.strictObject({
      kind: z.literal('upload'),
      upload: uploadId,
      config: config.exactOptional(),
      commit: proofSchema.exactOptional(),
      artifact: uploadId.exactOptional().meta({ description: 'An upload with output that was built elsewhere' }),
    }),
    z.strictObject({
      kind: z.literal('images'),
      images: z.record(name, z.string().min(1).max(512)).meta({ description: 'Reference of each service’s image' }),
    }),
    z.strictObject({ kind: z.literal('release'), release: z.string().min(1).max(64) }),
  ])
  .meta({ id: 'Source' })

/** What is asked for; the control plane evaluates the configuration itself, from the source. */
export const deployRequestSchema = z
  .strictObject({
    project: name.exactOptional().meta({ description: 'Refused where the configuration is of another one' }),
    environment: z.string().min(1).max(200),
    source: sourceSchema,
    variables: z
      .record(variable, z.string().max(MAX_VALUE))
      .exactOptional()
      .meta({ description: 'What the configuration may read of the asker’s environment' }),
    replace: z.boolean().default(false),
  })
  .meta({ id: 'DeployRequest' })
