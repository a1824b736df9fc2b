/** Enough that no slot is ever idle, and few enough for a queue in memory. */
const MOST_WAITING = 5_000;
const CHUNK = 500;

/** Sends in chunks, for as long as not too many wait. Call what it returns whenever one has been handled. */
export function feed(total: number, send: (number: number) => unknown): () => void {
  let sent = 0;
  let handled = 0;
  let sending = false;
  const go = async (): Promise<void> => {
    sending = true;
    while (sent < total && sent - handled <= MOST_WAITING - CHUNK) {
      const chunk: unknown[] = [];
      for (const end = Math.min(total, sent + CHUNK); sent < end; sent += 1) chunk.push(send(sent));
      await Promise.all(chunk);
    }
    sending = false;
  };
  queueMicrotask(() => void go());
  return () => {
    handled += 1;
    if (!sending && sent - handled <= MOST_WAITING - CHUNK) void go();
  };
}
