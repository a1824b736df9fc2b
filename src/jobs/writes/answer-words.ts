import type { ClaimAnswer, JobAnswer, JobChange } from "../store/change.ts";

/** Whether a store answers in the words of the change. A claim by another word would neither run nor wait. */
export function isAnswerTo({ kind }: JobChange, { do: word }: JobAnswer): boolean {
  if (kind === "claim") return CLAIM_ANSWERS.has(word);
  return word === (kind === "end" ? "ended" : kind === "birth" ? "born" : "noted");
}

const CLAIM_ANSWERS: ReadonlySet<JobAnswer["do"]> = new Set<ClaimAnswer["do"]>([
  "run",
  "later",
  "done",
  "cancelled",
  "failed",
  "foreign",
]);
