/**
 * A function that answers with the result of `read`, and calls it at most once in `maxAgeMs` milliseconds, however many ask.
 * Callers that come while a call is under way get its result. `read` must not reject.
 */
export function cached<T>(
  read: () => Promise<T>,
  maxAgeMs: number,
  now: () => number = () => performance.now(),
): () => Promise<T> {
  let answer: Promise<T> | undefined;
  let readAt = Number.NEGATIVE_INFINITY;
  return () => {
    if (answer !== undefined && now() - readAt < maxAgeMs) return answer;
    // Set when the answer is there, and not when it is asked for: a slow provider gets one call at a time.
    readAt = Number.POSITIVE_INFINITY;
    answer = read().finally(() => {
      readAt = now();
    });
    return answer;
  };
}
