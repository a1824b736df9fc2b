import type { Attributes } from "../driver/contract.ts";
import type { Limits } from "../driver/limits.ts";
import { type DeadLetterInfo, infoAttributes } from "./dead-letter-info.ts";
import { isNeverPacked, packAttributes } from "./pack-attributes.ts";
import { DECIDED, withSystemAttributes } from "./system-attributes.ts";

/** Bytes of the details in a dead letter that has no room for more. */
const SHORT_BYTES = 500;

/** One way to write the attributes of a dead letter. */
export interface DeadLetterForm {
  readonly attributes: Attributes;
  /** The part of the message or of its details that the dead letter lacks; undefined if it is whole. */
  readonly lacks?: string | undefined;
}

/**
 * Generates the forms of a dead letter, from the best to the smallest. The next one is tried if the provider cannot take
 * the one before. The details shrink to nothing before anything of the message is given up: without them, the copy has
 * the attributes that the message arrived with. The last form is the body alone.
 * @yields the forms, each made when it is asked for
 */
export function* deadLetterForms(
  attributes: Attributes,
  info: DeadLetterInfo,
  limits: Limits,
): Generator<DeadLetterForm, void> {
  const noted = (own: Attributes, note: Attributes): Attributes =>
    packAttributes({ ...withSystemAttributes(own, { [DECIDED]: undefined }), ...note }, limits);
  yield { attributes: noted(attributes, infoAttributes(info)) };
  const short = infoAttributes(info, SHORT_BYTES);
  yield { attributes: noted(attributes, short) };
  yield { attributes: noted(attributes, {}), lacks: "the reason" };
  const lacks = "the attributes of other programs";
  const own = Object.entries(attributes).filter(([name]) => isNeverPacked(name));
  yield { attributes: noted(Object.fromEntries(own), short), lacks };
  yield { attributes: {}, lacks: "all attributes" };
}
