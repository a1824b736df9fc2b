import { readFile, statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { QueueError } from "../../../src/driver/index.ts";

/**
 * File systems that are shared over a network or with another machine, by the numbers of Linux
 * (https://man7.org/linux/man-pages/man2/statfs.2.html, 2026-11). The locks and the shared memory of SQLite do not work on
 * them, and the file is damaged (https://sqlite.org/wal.html, 2026-11).
 */
const SHARED: Readonly<Record<number, string>> = {
  0x6969: "NFS",
  0x517b: "SMB",
  0xff534d42: "CIFS",
  0xfe534d42: "SMB",
  0x01021997: "9p",
  0x6a656a63: "a shared folder of Docker",
  0x5346414f: "AFS",
  0x00c36400: "Ceph",
  0x01161970: "GFS2",
  0x7461636f: "OCFS2",
  0x0bd00bd0: "Lustre",
  0x786f4256: "a shared folder of VirtualBox",
  0xbacbacbc: "a shared folder of VMware",
};
/** The number of all file systems in user space, of which some are local. The name of the mount tells them apart. */
const FUSE = 0x65735546;
const SHARED_FUSE =
  /^(?:virtiofs|fuse\.(?:sshfs|grpcfuse|osxfs|vmhgfs-fuse|s3fs|gcsfuse|rclone|glusterfs|nfs.*))$/;

/** Returns the name of a shared file system; undefined for a local one, and where the system does not tell. */
export async function sharedFileSystem(path: string): Promise<string | undefined> {
  if (process.platform !== "linux") return undefined;
  const found = await statfs(path).catch(() => statfs(dirname(path)).catch(() => undefined));
  if (found === undefined) return undefined;
  const number = found.type >>> 0;
  if (number !== FUSE) return SHARED[number];
  const mounts = await readFile("/proc/self/mountinfo", "utf8").catch(() => "");
  const type = mountType(path, mounts);
  return type !== undefined && SHARED_FUSE.test(type) ? type : undefined;
}

/** The type of the mount on which a path is, by the text of mountinfo (https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html). */
export function mountType(path: string, mounts: string): string | undefined {
  let best: { readonly at: string; readonly type: string } | undefined;
  for (const line of mounts.split("\n")) {
    const [before = "", after = ""] = line.split(" - ");
    const at = before.split(" ")[4]?.replaceAll("\\040", " ");
    const type = after.split(" ")[0];
    if (at === undefined || type === undefined) continue;
    const isOn = path === at || path.startsWith(at.endsWith("/") ? at : `${at}/`);
    // A later mount at the same place hides an earlier one.
    if (isOn && at.length >= (best?.at.length ?? 0)) best = { at, type };
  }
  return best?.type;
}

/**
 * Refuses a file on a shared file system.
 * @throws QueueError `config`
 */
export async function checkFileSystem(
  path: string,
  find: (path: string) => Promise<string | undefined> = sharedFileSystem,
): Promise<void> {
  const shared = await find(path);
  if (shared === undefined) return;
  throw new QueueError(
    "config",
    `The file ${path} is on a shared file system (${shared}), where SQLite damages its files sooner or later. Put it on a local disk, use a provider for several machines, or set allowSharedFileSystem if the locks of this one are known to work.`,
  );
}
