import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type EdgeAnswerCode, edgeAnswerBody, edgeAnswers } from '../../edge-answers.ts'

/** Writes the bodies of the edge's own answers, which HAProxy reads at its start. */
export async function writePages(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  for (const code of Object.keys(edgeAnswers) as EdgeAnswerCode[]) {
    await writeFile(join(folder, `${code}.html`), edgeAnswerBody(code, 'text/html').text)
    await writeFile(join(folder, `${code}.json`), edgeAnswerBody(code, undefined).text)
  }
}
