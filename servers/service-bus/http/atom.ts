import type { QueueRecord } from "../broker/namespace.ts";
import { Refusal } from "../broker/refusal.ts";
import { type QueueSettings, settingsOf } from "../options.ts";

const ATOM = "http://www.w3.org/2005/Atom";
const SERVICE_BUS = "http://schemas.microsoft.com/netservices/2010/10/servicebus/connect";
const COUNTS = "http://schemas.microsoft.com/netservices/2011/06/servicebus";
const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
/**
 * Default, least and largest duplicate detection window:
 * https://learn.microsoft.com/azure/service-bus-messaging/duplicate-detection (2023-06-08).
 */
const [DEFAULT_WINDOW_MS, MIN_WINDOW_MS, MAX_WINDOW_MS] = [10 * MINUTE, 20 * SECOND, 7 * DAY];
/**
 * Longest lock:
 * https://learn.microsoft.com/dotnet/api/azure.messaging.servicebus.administration.createqueueoptions.lockduration
 * (undated, read 2026-11-29). The shortest lock is not documented.
 */
const [MIN_LOCK_MS, MAX_LOCK_MS] = [5 * SECOND, 5 * MINUTE];

/** The Atom entry of a queue. The client takes the queue's name from the path of `id`. */
export function entryOf({ entity, createdAt, updatedAt }: QueueRecord, origin: string): string {
  const { settings, contents, deadLetters } = entity;
  const { active, scheduled, bytes } = contents.counts;
  const dead = deadLetters?.contents.counts.active ?? 0;
  const window = settings.duplicateDetectionWindowMs;
  const description = elements({
    LockDuration: writeDuration(settings.lockDurationMs),
    MaxSizeInMegabytes: settings.maxSizeMegabytes,
    RequiresDuplicateDetection: window > 0,
    RequiresSession: settings.requiresSession,
    DefaultMessageTimeToLive: writeDuration(settings.timeToLiveMs),
    DeadLetteringOnMessageExpiration: settings.deadLetterOnExpiration,
    DuplicateDetectionHistoryTimeWindow: writeDuration(window > 0 ? window : DEFAULT_WINDOW_MS),
    MaxDeliveryCount: settings.maxDeliveryCount,
    EnableBatchedOperations: true,
    SizeInBytes: bytes,
    MessageCount: active + scheduled + dead,
    Status: "Active",
    CreatedAt: createdAt.toISOString(),
    UpdatedAt: updatedAt.toISOString(),
    AccessedAt: new Date().toISOString(),
    EnablePartitioning: false,
    EnableExpress: false,
  });
  const details = elements(
    {
      ActiveMessageCount: active,
      DeadLetterMessageCount: dead,
      ScheduledMessageCount: scheduled,
      TransferMessageCount: 0,
      TransferDeadLetterMessageCount: 0,
    },
    "d2p1:",
  );
  const name = escaped(settings.name);
  const id = `${origin}/${settings.name.split("/").map(encodeURIComponent).join("/")}?api-version=2021-05`;
  return (
    `<entry xmlns="${ATOM}"><id>${escaped(id)}</id><title type="text">${name}</title>` +
    `<updated>${updatedAt.toISOString()}</updated><content type="application/xml">` +
    `<QueueDescription xmlns="${SERVICE_BUS}">${description}` +
    `<CountDetails xmlns:d2p1="${COUNTS}">${details}</CountDetails></QueueDescription></content></entry>`
  );
}

/** The Atom feed of a list of queues. */
export function feedOf(entries: readonly string[], origin: string): string {
  return `<feed xmlns="${ATOM}"><title type="text">Queues</title><id>${origin}/$Resources/Queues</id>${entries.join("")}</feed>`;
}

export function errorOf(code: number, detail: string): string {
  return `<Error><Code>${code}</Code><Detail>${escaped(detail)}</Detail></Error>`;
}

/**
 * Reads the description of a queue that a client wants to create or change.
 * @throws Refusal `amqp:invalid-field` if a duration is out of range
 * @throws RangeError if another setting is out of range
 */
export function readQueue(name: string, xml: string): QueueSettings {
  const text = (tag: string): string | undefined => new RegExp(`<${tag}>([^<]*)</${tag}>`).exec(xml)?.[1];
  const duration = (tag: string, minMs: number, maxMs: number): number | undefined => {
    const given = text(tag);
    if (given === undefined) return undefined;
    const ms = readDuration(given);
    if (ms === undefined || ms < minMs || ms > maxMs)
      throw new Refusal(
        "amqp:invalid-field",
        `${tag}: ${given} is not from ${minMs / 1_000} to ${maxMs / 1_000} s.`,
      );
    return ms;
  };
  const window =
    duration("DuplicateDetectionHistoryTimeWindow", MIN_WINDOW_MS, MAX_WINDOW_MS) ?? DEFAULT_WINDOW_MS;
  return settingsOf({
    name,
    requiresSession: text("RequiresSession") === "true",
    lockDurationMs: duration("LockDuration", MIN_LOCK_MS, MAX_LOCK_MS),
    maxDeliveryCount: Number(text("MaxDeliveryCount") ?? 10),
    duplicateDetectionWindowMs: text("RequiresDuplicateDetection") === "true" ? window : 0,
    timeToLiveMs: duration("DefaultMessageTimeToLive", SECOND, Number.POSITIVE_INFINITY),
    deadLetterOnExpiration: text("DeadLetteringOnMessageExpiration") === "true",
    maxSizeMegabytes: Number(text("MaxSizeInMegabytes") ?? 1_024),
  });
}

function elements(values: Readonly<Record<string, string | number | boolean>>, prefix = ""): string {
  return Object.entries(values)
    .map(([name, value]) => `<${prefix}${name}>${escaped(String(value))}</${prefix}${name}>`)
    .join("");
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}

const UNITS = [DAY, HOUR, MINUTE, SECOND] as const;
/** The longest TimeSpan of .NET, which Service Bus uses for "no limit". */
const FOREVER = "P10675199DT2H48M5.4775807S";
const FOREVER_MS = 9.22e14;

/**
 * The milliseconds of an ISO 8601 duration in days, hours, minutes and seconds; `undefined` if the text is none. The
 * adapter has a similar function, which knows no "no limit"; server and adapter do not import each other.
 */
function readDuration(text: string): number | undefined {
  const match = /^P(?:([\d.]+)D)?(?:T(?:([\d.]+)H)?(?:([\d.]+)M)?(?:([\d.]+)S)?)?$/.exec(text);
  if (match === null) return undefined;
  const ms = UNITS.reduce((sum, unit, index) => sum + Number(match[index + 1] ?? 0) * unit, 0);
  return ms >= FOREVER_MS ? Number.POSITIVE_INFINITY : ms;
}

function writeDuration(ms: number): string {
  return ms === Number.POSITIVE_INFINITY ? FOREVER : `PT${ms / SECOND}S`;
}
