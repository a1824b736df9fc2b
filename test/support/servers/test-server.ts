/** A server that tests use. */
export interface TestServer {
  /** The address, with the name of a user. */
  readonly url: string;
  /** Name and version, for reports. */
  readonly name: string;
  /** Ends the server, if this process started it. Idempotent. */
  close(): Promise<void>;
}

/** A server of this process, which a test may kill. It keeps its data. */
export interface PrivateServer extends TestServer, AsyncDisposable {
  readonly port: number;
  /** Kills the server with SIGKILL, as a lost machine. Its port stays reserved for {@link start}. */
  kill(): Promise<void>;
  /** Starts the server again on the same port and data. Resolves when it accepts connections. */
  start(): Promise<void>;
}

/** A technology whose server the tests need: where one is found, and how one is started. */
export interface ServerKind {
  /** The name in the title of a suite. */
  readonly label: string;
  /** The environment variable with the address of a server. */
  readonly variable: string;
  /** The address at which such a server usually listens on this machine. */
  readonly usualUrl: string;
  /** The fix for a machine without one. */
  readonly hint: string;
  /**
   * Returns the name and the version of the server at an address.
   * @throws Error if no usable server answers there
   */
  probe(url: string): Promise<string>;
  /** Starts a private server. Undefined if this machine has no program for it. */
  readonly start: (() => Promise<PrivateServer | undefined>) | undefined;
}
