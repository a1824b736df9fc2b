/** Adds `work` to a set until it ends, so that `close` waits for it. Keeps the process alive until then. */
export async function track<T>(all: Set<Promise<unknown>>, work: Promise<T>): Promise<T> {
  all.add(work);
  // The sockets of an idle driver need not keep the process alive, but a caller waits for this promise.
  const keepAlive = setInterval(() => {}, 2 ** 30);
  try {
    return await work;
  } finally {
    clearInterval(keepAlive);
    all.delete(work);
  }
}
