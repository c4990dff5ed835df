import type { Upload } from '../model/upload.ts'

/** Folders that come over the network: announced, sent in pieces, checked, unpacked when they are deployed. */
export interface Uploads {
  /** Refuses at once what is too large. Throws `UPLOAD_TOO_LARGE`, `DISK_FULL`. */
  begin(announced: { readonly bytes: number; readonly sha256: string }): Promise<Upload>
  /** Throws `UPLOAD_UNKNOWN`. */
  get(id: string): Promise<Upload>
  /**
   * Adds a piece that begins at `offset`; what arrived of a piece that breaks off is kept. The last one is followed by a
   * check of the whole: `UPLOAD_INVALID` for another content than was announced, and the upload is gone.
   */
  append(id: string, offset: number, piece: AsyncIterable<Uint8Array>): Promise<Upload>
  /** The folder that it holds. Throws `UPLOAD_INVALID` for one that cannot be unpacked safely. */
  folder(id: string): Promise<string>
  /** Removes those that nobody used for a day, but for these. */
  prune(inUse: ReadonlySet<string>): Promise<void>
}
