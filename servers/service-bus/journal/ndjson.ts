import { closeSync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from "node:fs";
import { StringDecoder } from "node:string_decoder";

/** Size of one read or write. A whole file may be longer than the longest string. */
const CHUNK_BYTES = 1_048_576;

/**
 * Reads a text file in chunks.
 * @yields the lines in order
 */
export function* linesOf(path: string): Iterable<string> {
  const file = openSync(path, "r");
  try {
    const decoder = new StringDecoder("utf8");
    const chunk = Buffer.alloc(CHUNK_BYTES);
    let rest = "";
    for (let read = readSync(file, chunk); read > 0; read = readSync(file, chunk)) {
      const lines = (rest + decoder.write(chunk.subarray(0, read))).split("\n");
      rest = lines.pop() ?? "";
      yield* lines;
    }
    yield rest + decoder.end();
  } finally {
    closeSync(file);
  }
}

/** Writes one JSON value per line. A line that cannot be written leaves no part of itself in the file. */
export class NdjsonWriter {
  readonly #file: number;
  #buffered: string[] = [];
  #bufferedLength = 0;
  #bytes: number;

  /** @param file descriptor of a file that is open for writing */
  constructor(file: number) {
    this.#file = file;
    this.#bytes = fstatSync(file).size;
  }

  /** Size of the file, in whole lines. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Writes a line now.
   * @throws the system's error; the line is then not in the file
   */
  write(value: object): void {
    this.#append(`${JSON.stringify(value)}\n`);
  }

  /** Buffers a line. It is written together with others, by {@link flush} at the latest. */
  add(value: object): void {
    const text = `${JSON.stringify(value)}\n`;
    this.#buffered.push(text);
    this.#bufferedLength += text.length;
    if (this.#bufferedLength > CHUNK_BYTES) this.flush();
  }

  flush(): void {
    const text = this.#buffered.join("");
    this.#buffered = [];
    this.#bufferedLength = 0;
    if (text !== "") this.#append(text);
  }

  close(): void {
    closeSync(this.#file);
  }

  #append(text: string): void {
    const bytes = Buffer.from(text);
    try {
      // At a fixed position, so that a line overwrites what a failed write has left.
      for (let from = 0; from < bytes.length;)
        from += writeSync(this.#file, bytes, from, bytes.length - from, this.#bytes + from);
    } catch (error) {
      this.#truncate();
      throw error;
    }
    this.#bytes += bytes.length;
  }

  #truncate(): void {
    try {
      ftruncateSync(this.#file, this.#bytes);
    } catch {
      // The file ends with a part of a line, which the reader skips.
    }
  }
}
