import { z } from "zod";
import { defineJob } from "../../src/index.ts";

/** Short waits, so that you can watch a retry. An application leaves `backoff` out: the default grows from 1 s to 5 min. */
const backoff = { baseMs: 600, factor: 2 };

/** The jobs of the demo. Service and worker share these definitions, so that they agree on every payload. */
export const sendWelcomeEmail = defineJob({
  type: "send_welcome_email",
  schema: z.object({ userId: z.string(), name: z.string(), email: z.email() }),
  maxAttempts: 3,
  backoff,
});

export const sendOnboardingTips = defineJob({
  type: "send_onboarding_tips",
  schema: z.object({ userId: z.string(), email: z.email() }),
  backoff,
});

export const generateReport = defineJob({
  type: "generate_report",
  schema: z.object({ userId: z.string(), name: z.string(), pages: z.int().min(1) }),
  timeoutMs: 60_000,
  backoff,
});

/** The queues of the demo. Reports are slow, so they have a queue of their own, where no mail waits behind them. */
export const queues = { emails: "emails", reports: "reports" } as const;
