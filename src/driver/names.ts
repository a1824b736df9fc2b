/**
 * The name of a queue that belongs to `queue`: `emails` → `emails-dlq`. A `.fifo` ending stays the ending,
 * since the provider that has it knows ordered queues by it: `emails.fifo` → `emails-dlq.fifo`.
 */
export function siblingQueue(queue: string, suffix: "-dlq" | "-delay"): string {
  const ending = ".fifo";
  return queue.endsWith(ending) ? `${queue.slice(0, -ending.length)}${suffix}${ending}` : `${queue}${suffix}`;
}
