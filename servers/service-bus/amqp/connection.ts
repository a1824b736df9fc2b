import type { Socket } from "node:net";
import type rhea from "rhea";
import type { Connection } from "rhea";
import { asRefusal, Refusal } from "../broker/refusal.ts";
import { FrameReader } from "./frames.ts";
import { readSaslInit, type SaslInit, saslGreeting, saslOutcome } from "./sasl.ts";

/** Time that a client has to close the connection after it was refused. */
const CLOSE_TIMEOUT_MS = 1_000;
/** Bytes that a client has not read, above which the server reads nothing more of the client. */
const MAX_UNREAD_BYTES = 8_388_608;
/** Smallest frame that each side has to take: http://docs.oasis-open.org/amqp/core/v1.0/os (2012-10). */
const MIN_FRAME_BYTES = 512;
/** Shortest and longest time after which a client wants to hear from the server. A longer one is shortened. */
const [MIN_IDLE_MS, MAX_IDLE_MS] = [100, 3_600_000];

interface OpenFrame {
  readonly performative: { max_frame_size?: number | null; idle_time_out?: number | null };
}

interface BeginFrame {
  readonly channel: number;
}

/** Internals of rhea's connections that its typings lack, read in the source of rhea 3.0.5. */
interface ConnectionInternals extends Omit<Connection, "open" | "close" | "on"> {
  accept(socket: Socket): Connection;
  input: (bytes: Buffer) => void;
  open(): void;
  close(error?: { readonly condition: string; readonly description: string }): void;
  on(event: string, listener: (error: unknown) => void): void;
  on_open: (frame: OpenFrame) => void;
  on_begin: (frame: BeginFrame) => void;
  _process: () => void;
  _disconnected(): void;
  readonly remote_channel_map: Readonly<Record<number, SessionInternals>>;
}

/** Internals of rhea's sessions that its typings lack, read in the source of rhea 3.0.5. */
interface SessionInternals {
  readonly state: { readonly remote_open: boolean };
  dispatch(event: string, context: object): void;
  remove(): void;
  _context(): object;
}

export interface ConnectionEvents {
  /** The client has opened the connection. */
  onOpen(): void;
  /** Returns whether the client may go on. */
  onSaslInit(init: SaslInit): boolean;
}

/**
 * Lets rhea serve a socket that it has not accepted itself. Bytes reach rhea in whole frames, which were checked. A client
 * that breaks the protocol gets the reason, and its connection ends.
 */
export function serveSocket(
  container: ReturnType<typeof rhea.create_container>,
  socket: Socket,
  options: object,
  events: ConnectionEvents,
): Connection {
  const created = container.create_connection({ ...options, disable_sasl: true } as never);
  const connection = created as unknown as ConnectionInternals;
  const { input, _process: runTasks, on_open: opened, on_begin: began } = connection;
  let [hasFailed, isClosed] = [false, false];

  const fail = (error: unknown): void => {
    if (hasFailed) return;
    hasFailed = true;
    const { condition, message: description } = asRefusal(error);
    try {
      // A connection is opened before it is closed, also if the client has not opened it.
      connection.open();
      connection.close({ condition, description });
      runTasks.call(connection);
    } catch {
      // Nothing more can be written to this client.
    }
    socket.end();
    setTimeout(() => socket.destroy(), CLOSE_TIMEOUT_MS).unref();
  };
  const guarded = (work: () => void): void => {
    try {
      work();
    } catch (error) {
      fail(error);
    }
  };

  const reader = new FrameReader({
    onSasl: () => void socket.write(saslGreeting()),
    onSaslInit(performative) {
      const isSignedIn = events.onSaslInit(readSaslInit(performative));
      socket.write(saslOutcome(isSignedIn));
      if (!isSignedIn) socket.end();
      return isSignedIn;
    },
    onAmqp: (bytes) => input.call(connection, bytes),
  });
  connection.input = (bytes) => {
    if (!hasFailed) guarded(() => reader.push(bytes));
    // A client that asks and does not read would have its answers kept without end.
    if (socket.writableLength <= MAX_UNREAD_BYTES || socket.isPaused()) return;
    socket.pause();
    socket.once("drain", () => socket.resume());
  };
  // rhea runs it on a timer of its own, where an error would end the process.
  connection["_process"] = () => {
    if (!isClosed) guarded(() => runTasks.call(connection));
  };
  for (const event of ["error", "protocol_error"]) connection.on(event, fail);
  connection.on_open = (frame) => {
    checkOpen(frame);
    opened.call(connection, frame);
    events.onOpen();
  };
  connection.on_begin = (frame) => {
    const former = connection.remote_channel_map[frame.channel];
    if (former?.state.remote_open === true) endWithoutAnswer(former);
    began.call(connection, frame);
  };
  socket.on("close", () => {
    // If rhea wrote to a closed socket, it would start a timer of minutes, which keeps the connection in memory.
    isClosed = true;
    // A destroyed socket does not emit the event on which rhea stops its timers.
    connection["_disconnected"]();
  });
  return connection.accept(socket);
}

/**
 * Ends a session whose channel the client has used again. A busy client of the Azure SDK does so: it forgets a session
 * whose `end` it has not written yet, and would not know the channel of an answer.
 */
function endWithoutAnswer(session: SessionInternals): void {
  session.dispatch("session_close", session["_context"]());
  session.remove();
}

/** Checks the sizes and times that a client asks for, and shortens a time that no timer can hold. */
function checkOpen({ performative }: OpenFrame): void {
  const { max_frame_size: frameSize, idle_time_out: idleMs } = performative;
  if (typeof frameSize === "number" && frameSize < MIN_FRAME_BYTES)
    throw new Refusal(
      "amqp:invalid-field",
      `max-frame-size is ${frameSize}; the least is ${MIN_FRAME_BYTES}.`,
    );
  if (typeof idleMs !== "number" || idleMs === 0) return;
  if (idleMs < MIN_IDLE_MS)
    throw new Refusal("amqp:invalid-field", `idle-time-out is ${idleMs} ms; the least is ${MIN_IDLE_MS} ms.`);
  if (idleMs > MAX_IDLE_MS) performative.idle_time_out = MAX_IDLE_MS;
}
