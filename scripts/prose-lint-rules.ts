import type { Kind, Text } from "./prose-lint-texts.ts";

/** One finding in a text. */
export interface Finding {
  readonly line: number;
  readonly message: string;
  /** The sentence or the words that the finding is about. */
  readonly excerpt: string;
}

/** Words that turn a sentence around. The reader then waits for its subject. */
const STARTERS = /^(?:what|who|whose|whom|whoever|whatever|of|those|where|for what|for whom|to whom)\b/i;
/** The same for a clause after a colon or a semicolon, where `of` and `where` are usual. */
const CLAUSES = /^(?:what|who|whose|whoever|whatever|those (?:who|that|which))\b/;
/** "That the queue is empty is …": a clause as the subject. "That is …" is a sentence as others are. */
const CLAUSE_AS_SUBJECT = /^That (?:an?|the|it|they|no|each|every|its|there|nothing|nobody)\b/;
const PRONOUNS = /^(?:it|its|they|their|theirs|ours)\b/i;

interface Ban {
  readonly pattern: RegExp;
  readonly instead: string;
  /** Whether it is looked for in code spans too, as names are. @default false */
  readonly isName?: boolean;
  /** Longer forms that hold the phrase and are right. */
  readonly unless?: RegExp;
}

const ban = (pattern: RegExp, instead: string, unless?: RegExp): Ban =>
  unless === undefined ? { pattern, instead } : { pattern, instead, unless };
const name = (pattern: RegExp, instead: string): Ban => ({ pattern, instead, isName: true });

/** Phrases that are translated word by word from another language, or out of use. */
const PHRASES: readonly Ban[] = [
  ban(/\b(?:goes|go|went|going|gone) by\b/gi, "depends on, uses, is chosen by"),
  ban(/\b(?:stands?|stood|standing) for\b/gi, "means, represents, is"),
  ban(/\bat hand\b/gi, "available"),
  ban(/\bin hand\b/gi, "in flight, leased, held"),
  ban(/\bby (?:itself|themselves|himself)\b/gi, "on its own, automatically"),
  ban(/\b(?:lies?|lay|lying) over\b/gi, "exceeds, is above"),
  ban(/\breckon(?:s|ed)?\b/gi, "must expect, must allow for"),
  ban(/\bmend(?:s|ed|ing)?\b/gi, "fix, repair, correct"),
  ban(/\b(?:is|are|was|were|be|been|being) told\b/gi, "reported, logged, passed"),
  ban(/\b(?:is|are|was|were|be|been|being) said\b/gi, "stated, reported"),
  ban(/\b(?:is|are|was|were|be) (?:to be )?had\b/gi, "available, exists"),
  ban(/\bof (?:another|its own|their own) make\b/gi, "another version"),
  ban(/\b(?:comes?|came|coming) again\b/gi, "is redelivered, is repeated"),
  ban(/\bsome (?=\d|(?:two|three|five|ten|twenty|hundred|thousand)\b)/gi, "about"),
  ban(/\blest\b/gi, "so that … not"),
];

/** Words that another word has replaced. One word means one thing. */
const WORDS: readonly Ban[] = [
  ban(/\bhand(?:s|ed|ing)? (?:\w+ )?back\b/gi, "release"),
  ban(/\bpark(?:s|ed|ing)?\b/gi, "delay queue, waits in the delay queue"),
  ban(/\bstalled\b/gi, "stuck (a job), blocked, idle"),
  ban(/\bgates?\b/gi, "pause controller, check, limit"),
  ban(
    /\bletters?\b/gi,
    "dead letter, message",
    /dead[- ]letters?|case letters?|(?:capital|small|first|latin|ascii|single|one) letters?|letters?(?:,| and| or) (?:digits?|numbers?|hyphens?)|letters? of (?:the|a|an) (?:word|name|alphabet)/i,
  ),
  ban(
    /\bclon(?:e|es|ed|ing)\b/gi,
    "copy, requeue",
    /git clone|(?:from|in|of) a (?:fresh )?clone|structured clone|clone (?:of )?(?:the|this|a) (?:repository|project)/i,
  ),
  ban(/\brosters?\b/gi, "in-flight set"),
  ban(/\blanes?\b/gi, "key queue"),
  ban(/\bturnstiles?\b/gi, "settle serializer"),
  ban(/\bcontests?\b/gi, "benchmark"),
  ban(/\bpersonalit(?:y|ies)\b/gi, "emulated provider"),
  ban(/\bverdicts?\b/gi, "disposition, settlement, outcome"),
  ban(/\b(?<!transactional )outbox(?:es)?\b/gi, "producer", /transactional outbox/i),
  name(/\bOutbox\b/g, "Producer"),
  name(
    /\b(?:parkingQueue|maxParkMs|parking_unavailable)\b/g,
    "delayQueue, maxHopMs, delay_queue_unavailable",
  ),
  name(/\b(?:jobs_stalled_total|stalledMs)\b/g, "jobs_stuck_total, stuckMs"),
  name(/\b(?:Conclusions|Verdicts?)\b/g, "Settlement, SettleRequest, SettleOutcome"),
  name(/\bHandBacks?\b/g, "ReleaseCounts"),
  name(/\bIntake\b/g, "Poller"),
  name(/`(?:Arrivals|Admission)`/g, "Dispatcher"),
  name(/\bPerformer\b/g, "Executor"),
  name(/\bTurnstile\b|`Turns`/g, "SettleSerializer, ReturnPacing"),
  name(/\b(?:KeyLanes|Lanes?)\b/g, "KeyQueues, OrderedSender"),
  name(/\bRoster\b|`Place`/g, "InFlightSet, Slot"),
  name(/\bTimeHeap\b/g, "TimerHeap"),
  name(/\b(?:readLetter|onLetter)\b|`Letter`/g, "readDeadLetter, onMessage, DeadLetterInfo"),
  name(
    /\b(?:foldAttributes|readMeta|withMeta)\b/g,
    "packAttributes, readSystemAttributes, withSystemAttributes",
  ),
  name(
    /\b(?:withConsuming|load-consuming)\b|\bconsuming\.ts\b|`consuming`/g,
    "lazy-receive: loadReceive, preloadReceive",
  ),
  name(/\b(?:Personality|Surroundings)\b/g, "EmulatedProvider, BrokerContext"),
  name(/`(?:Stage|Peer|Taps)`/g, "CaseContext, TestClient, Interceptors"),
  name(/`Gate`/g, "PauseController"),
];

/** Finds the sentences of one text that break a rule. */
export function lint(
  { kind, line, text }: Text,
  { names = true }: { readonly names?: boolean } = {},
): Finding[] {
  const prose = withoutCode(text);
  const found: Finding[] = [];
  const add = (offset: number, excerpt: string, message: string): void => {
    const at = line + text.slice(0, offset).split("\n").length - 1;
    found.push({ line: at, message, excerpt });
  };
  const starts = startsOf(prose);
  const [first] = starts;
  for (const { offset, begins } of starts) {
    const sentence = sentenceAt(prose, offset);
    if (kind === "heading" && sentence.endsWith("?")) continue;
    const complaint = complaintAbout(sentence, begins, kind, offset === first?.offset);
    if (complaint !== undefined) add(offset, sentenceAt(text, offset), complaint);
  }
  for (const { pattern, instead, isName, unless } of [...PHRASES, ...WORDS]) {
    if (isName === true && !names) continue;
    for (const match of (isName === true ? text : prose).matchAll(pattern)) {
      if (isAllowed(prose, match, unless)) continue;
      add(match.index, match[0], `"${match[0].replaceAll("\n", " ")}": write ${instead}`);
    }
  }
  if (kind === "test") found.push(...lintTestName(line, text));
  return found.toSorted((one, other) => one.line - other.line);
}

type Begins = "text" | "sentence" | "clause";

function complaintAbout(sentence: string, begins: Begins, kind: Kind, isFirst: boolean): string | undefined {
  const word = /^[\w']+(?: (?:what|whom)\b)?/.exec(sentence)?.[0] ?? "";
  if (begins === "clause") {
    const isQuestion = sentence.endsWith("?");
    return CLAUSES.test(sentence) && !isQuestion ? `clause begins with "${word}": name the thing` : undefined;
  }
  if (STARTERS.test(sentence) || CLAUSE_AS_SUBJECT.test(sentence))
    return `sentence begins with "${word}": begin with the thing that it is about`;
  if (kind === "doc" && isFirst && PRONOUNS.test(sentence))
    return `doc comment begins with "${word}": begin with a noun phrase or a verb`;
  return undefined;
}

/** The places at which a sentence, a table cell or a clause after a colon begins. */
function startsOf(prose: string): { readonly offset: number; readonly begins: Begins }[] {
  const starts: { offset: number; begins: Begins }[] = [];
  for (const match of prose.matchAll(/(^|\||[.!?]["'”’)\]*_]*\s|[:;]\s)[\s>"'“‘([*_#-]*(?=[\p{L}\d])/gu)) {
    const [whole, boundary = ""] = match;
    const offset = match.index + whole.length;
    const isSentence = /^[.!?]/.test(boundary);
    // A lower-case letter after a full stop follows an abbreviation.
    if (isSentence && /\p{Ll}/u.test(prose[offset] ?? "")) continue;
    const begins = isSentence ? "sentence" : /^[:;]/.test(boundary) ? "clause" : "text";
    starts.push({ offset, begins });
  }
  return starts;
}

function sentenceAt(text: string, offset: number): string {
  return (/^[\s\S]*?(?:[.!?](?=\s|$)|$|(?=\|))/.exec(text.slice(offset))?.[0] ?? "").replaceAll(/\s+/g, " ");
}

/** Blanks code spans, links of TSDoc and addresses. Offsets stay as they are. */
function withoutCode(text: string): string {
  return text.replaceAll(/`[^`]*`|\{@\w+[^}]*\}|https?:\/\/\S+/g, (code) => code.replaceAll(/[^\n]/g, "x"));
}

/** Whether the match is part of a form that is allowed, as "letter" is in "dead letter". */
function isAllowed(
  prose: string,
  { index, 0: words }: RegExpExecArray,
  allowed: RegExp | undefined,
): boolean {
  if (allowed === undefined) return false;
  const forms = [...prose.matchAll(new RegExp(allowed, "gi"))];
  return forms.some((form) => form.index <= index && form.index + form[0].length >= index + words.length);
}

/** Verbs without an ending of their own; and, roughly, every word that ends as a verb may. */
const VERB =
  /^(?:is|are|was|were|has|have|had|do|did|can|cannot|may|must|will|would|should|agree|begin|call|come|contain|count|die|end|equal|fail|fire|get|give|go|handle|hold|keep|let|lose|make|match|name|need|never|read|receive|run|send|settle|share|start|stay|stop|take|wait|work|write|\w+n't|[\w-]{2,}[^s\W]s|\w+ed)$/i;
/** A value that the test runner puts in, or a template does. */
const PLACEHOLDER = /^[^\w%$]*(?:%\w|\$[\w.]+)[^\w]*$/;

/** A name of a test is a sentence, so it has three words and a verb among them. A placeholder may hold several words. */
function lintTestName(line: number, text: string): Finding[] {
  const words = text.split(/[\s,;:()"]+/).filter((word) => word !== "");
  const placeholders = words.filter((word) => PLACEHOLDER.test(word));
  if (placeholders.length === words.length) return [];
  const finding = (message: string): Finding[] => [
    { line, message: `${message}: write a sentence`, excerpt: text },
  ];
  if (words.length + placeholders.length < 3) return finding("test name is shorter than three words");
  return words.some((word) => VERB.test(word)) ? [] : finding("test name has no verb");
}
