import { z } from "zod";
import { type CommonConfig, commonFields, type Fields } from "../../../adapters/config.ts";

/** Template. */
export interface TemplateConfig extends CommonConfig {
  readonly provider: "template";
  /** The address of the server. TODO: its form and its default. */
  readonly url?: string | undefined;
  /** A prefix for the name of every queue. @default "" */
  readonly prefix?: string | undefined;
  /** The time limit of a request, in milliseconds. A poll may take this long after its wait. @default 10000 */
  readonly requestTimeoutMs?: number | undefined;
}

/** @internal */
export const templateSchema: z.ZodType<TemplateConfig> = z.strictObject({
  ...commonFields,
  provider: z.literal("template"),
  url: z.string().min(1).optional(),
  prefix: z.string().optional(),
  requestTimeoutMs: z.number().positive().optional(),
} satisfies Fields<TemplateConfig>);
