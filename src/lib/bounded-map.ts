/**
 * Removes the oldest entries of a map that has more than `most`. For maps whose keys come from messages or callers: they
 * would grow for as long as the process lives.
 */
export function forgetOldest<Key>(map: Map<Key, unknown>, most: number): void {
  for (const oldest of map.keys()) {
    if (map.size <= most) return;
    map.delete(oldest);
  }
}
