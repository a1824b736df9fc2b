/** The string by which a delayed message is cancelled. A broker's id has no colon; a queue's name may. */
export function handleOf(queue: string, brokerId: string): string {
  return `${brokerId}:${queue}`;
}

export function parseHandle(
  handle: string,
): { readonly queue: string; readonly brokerId: string } | undefined {
  const colon = handle.indexOf(":");
  return colon === -1 ? undefined : { brokerId: handle.slice(0, colon), queue: handle.slice(colon + 1) };
}
