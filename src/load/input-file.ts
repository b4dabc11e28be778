// An input file of a load test, read piece by piece: a file, a pipe, or standard input. What the kernel says of it becomes a
// LoadError.
import { type FileHandle, open } from "node:fs/promises";
import { stdin } from "node:process";
import { LoadError } from "../errors.js";

/** What is read at once; whoever reads a file holds no more of it than this and one line. */
const pieceOctets = 1 << 18;

/** InputFile gives the octets of a file, in order. */
export interface InputFile {
  /** Its path, or `standard input`. */
  readonly name: string;
  /** It can be read again from its beginning. */
  readonly again: boolean;
  /** read gives the next piece, which stays as it is only until the next call; undefined at the end. */
  read(): Promise<Uint8Array | undefined>;
  /** rewind goes back to the beginning, where that can be. */
  rewind(): void;
  close(): Promise<void>;
}

/** openInput opens a file, or standard input for `-`; a LoadError ERR_LOAD_INPUT where it cannot be read. */
export async function openInput(path: string, standardInput: AsyncIterable<Uint8Array> = stdin): Promise<InputFile> {
  return path === "-" ? pieces(standardInput) : await openFile(path);
}

function pieces(from: AsyncIterable<Uint8Array>): InputFile {
  const iterator = from[Symbol.asyncIterator]();
  const name = "standard input";
  return {
    name,
    again: false,
    read: () => reading(name, async () => ((await iterator.next()).value as Uint8Array | undefined) ?? undefined),
    rewind: () => {},
    // The stream is not ours alone: it is left as it is, unless it can be told to stop.
    close: async () => {
      await iterator.return?.();
    },
  };
}

async function openFile(path: string): Promise<InputFile> {
  const file = await reading(path, () => open(path));
  const again = await reading(path, () => isFile(file));
  const piece = Buffer.alloc(pieceOctets);
  let at = 0;
  return {
    name: path,
    again,
    read: () =>
      reading(path, async () => {
        const { bytesRead } = await file.read(piece, 0, pieceOctets, again ? at : null);
        at += bytesRead;
        return bytesRead === 0 ? undefined : piece.subarray(0, bytesRead);
      }),
    rewind: () => {
      at = 0;
    },
    close: () => file.close(),
  };
}

async function isFile(file: FileHandle): Promise<boolean> {
  return (await file.stat()).isFile();
}

/** reading gives what `call` gives; a refusal of the kernel as a LoadError. */
async function reading<T>(name: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (cause) {
    const reason = cause instanceof Error && "code" in cause ? String(cause.code) : String(cause);
    throw new LoadError("ERR_LOAD_INPUT", `${name}: could not be read (${reason})`, name, undefined, { cause });
  }
}
