// Replacing a file that another program reads: whole or not at all, and the old one can come back.
import { access, constants, type FileHandle, link, lstat, open, readlink, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";

/** Replaced is a file that has just been replaced. Call exactly one of both. */
export interface Replaced {
  /** The old file comes back, itself: that needs no room on the disk. */
  restore(): Promise<void>;
  /** Resolves when the new file is on the disk, and the old one gone. Rejects where it cannot be written there; then the old one is back. */
  keep(): Promise<void>;
}

/**
 * replaceFile puts a new file in the place of an old one, with its owner and mode. A link stays, and what it leads to is
 * replaced. Rejects with the system's error, and then the old file is there as before. It is not waited for the disk, which
 * may take hundreds of ms while others write: `keep` does, and whoever reads the file need not wait for that.
 */
export async function replaceFile(path: string, text: string): Promise<Replaced> {
  const target = await behindLinks(path);
  // Hidden, so that an `include "*.conf"` of BIRD passes them by; of one name, so that a crash leaves no more than these.
  const beside = (what: string) => join(dirname(target), `.${basename(target)}.anyprobe-${what}`);
  const [fresh, old] = [beside("new"), beside("old")];
  let file: FileHandle | undefined;
  try {
    file = await write(fresh, text, target);
    await rm(old, { force: true });
    await link(target, old);
    await rename(fresh, target);
  } catch (error) {
    await file?.close();
    for (const left of [fresh, old]) await rm(left, { force: true }).catch(() => {});
    throw error;
  }
  const written = file;
  const restore = () => rename(old, target).finally(() => written.close());
  return {
    restore,
    keep: async () => {
      try {
        await written.sync();
      } catch (error) {
        await restore();
        throw error;
      }
      await written.close();
      await rm(old, { force: true });
    },
  };
}

/** Of the path's last part only: that is what a rename would replace. */
async function behindLinks(path: string): Promise<string> {
  const isLink = (await lstat(path)).isSymbolicLink();
  return isLink ? behindLinks(resolve(dirname(path), await readlink(path))) : path;
}

async function write(path: string, text: string, like: string): Promise<FileHandle> {
  const { uid, gid, mode } = await stat(like);
  // A file that this user may not write is not to be replaced either, though a rename could.
  await access(like, constants.W_OK);
  // What stands there was left by a crash, or is a link that somebody put there: no link is followed, and no old mode kept.
  await rm(path, { force: true });
  const file = await open(path, "wx", mode);
  try {
    await file.chown(uid, gid);
    await file.chmod(mode);
    await file.writeFile(text);
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}
