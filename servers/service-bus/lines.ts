import { closeSync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from "node:fs";
import { StringDecoder } from "node:string_decoder";

/** Read and written at a time: a file may have more than fits one string. */
const PIECE_BYTES = 1_048_576;

/**
 * Reads a file piece by piece.
 * @yields its lines, one after the other
 */
export function* linesOf(path: string): Iterable<string> {
  const file = openSync(path, "r");
  try {
    const decoder = new StringDecoder("utf8");
    const piece = Buffer.alloc(PIECE_BYTES);
    let rest = "";
    for (let read = readSync(file, piece); read > 0; read = readSync(file, piece)) {
      const lines = (rest + decoder.write(piece.subarray(0, read))).split("\n");
      rest = lines.pop() ?? "";
      yield* lines;
    }
    yield rest + decoder.end();
  } finally {
    closeSync(file);
  }
}

/** Writes JSON, a line each: whole lines, or none of one that fails. */
export class LineWriter {
  readonly #file: number;
  #waiting: string[] = [];
  #waitingLength = 0;
  #bytes: number;

  constructor(file: number) {
    this.#file = file;
    this.#bytes = fstatSync(file).size;
  }

  /** Of whole lines. */
  get bytes(): number {
    return this.#bytes;
  }

  /** @throws the system's error where it cannot be written; it then has not been */
  write(line: object): void {
    this.#append(`${JSON.stringify(line)}\n`);
  }

  /** The same together with others, now or when it is flushed. */
  add(line: object): void {
    const text = `${JSON.stringify(line)}\n`;
    this.#waiting.push(text);
    this.#waitingLength += text.length;
    if (this.#waitingLength > PIECE_BYTES) this.flush();
  }

  flush(): void {
    const text = this.#waiting.join("");
    this.#waiting = [];
    this.#waitingLength = 0;
    if (text !== "") this.#append(text);
  }

  close(): void {
    closeSync(this.#file);
  }

  #append(text: string): void {
    const bytes = Buffer.from(text);
    try {
      // In its place, whatever is there of one that failed.
      for (let from = 0; from < bytes.length;)
        from += writeSync(this.#file, bytes, from, bytes.length - from, this.#bytes + from);
    } catch (error) {
      this.#takeBack();
      throw error;
    }
    this.#bytes += bytes.length;
  }

  #takeBack(): void {
    try {
      ftruncateSync(this.#file, this.#bytes);
    } catch {
      // A part of a line, which nobody can read.
    }
  }
}
