/**
 * The name of a queue that belongs to `queue`: `emails` → `emails-dlq`. A `.fifo` ending stays the ending,
 * since the provider that has it knows ordered queues by it: `emails.fifo` → `emails-dlq.fifo`.
 */
export function siblingQueue(queue: string, suffix: "-dlq" | "-delay"): string {
  const ending = ".fifo";
  return queue.endsWith(ending) ? `${queue.slice(0, -ending.length)}${suffix}${ending}` : `${queue}${suffix}`;
}

/** Undoes {@link siblingQueue}: `emails-dlq` → `emails`. Undefined for a name that is not one of its making. */
export function ownerQueue(queue: string, suffix: "-dlq" | "-delay"): string | undefined {
  const ending = queue.endsWith(".fifo") ? ".fifo" : "";
  const stem = queue.slice(0, queue.length - ending.length);
  return stem.endsWith(suffix) ? `${stem.slice(0, -suffix.length)}${ending}` : undefined;
}
