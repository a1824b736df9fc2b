/**
 * Creates a folder and those above it, where they are missing. `mkdirSync` with `recursive` never returns for a folder in
 * which none can be made, such as `/proc`: the system answers that the path does not exist, and Node tries again for ever
 * (Node 24, 2026-11).
 *
 * @param mode permissions of the folders that are created
 * @throws the error of the system: `ENOENT` also for a folder in which none can be made
 */
export function createFolder(path: string, mode: number = 0o777): void {
  // Loaded here, since the core is also used where there are no files.
  const { mkdirSync } = process.getBuiltinModule("node:fs");
  try {
    mkdirSync(path, { mode });
  } catch (error) {
    const parent = process.getBuiltinModule("node:path").dirname(path);
    if ((error as NodeJS.ErrnoException).code !== "ENOENT" || parent === path)
      return mustBeFolder(path, error);
    createFolder(parent, mode);
    try {
      mkdirSync(path, { mode });
    } catch (again) {
      // Another process may have created it at the same time.
      mustBeFolder(path, again);
    }
  }
}

function mustBeFolder(path: string, error: unknown): void {
  const { statSync } = process.getBuiltinModule("node:fs");
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) throw error;
}
