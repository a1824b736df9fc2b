import type { Delivery } from "../../src/driver/index.ts";

/** The id of a message. */
export function idIn({ body }: Pick<Delivery, "body">): string {
  return (JSON.parse(Buffer.from(body).toString()) as { readonly id: string }).id;
}
