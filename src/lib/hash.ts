/**
 * The SHA-256 digest of `data`. The first call loads Node's cryptography, which would double the cost of importing the
 * package.
 */
export function sha256(data: string | Uint8Array): Buffer {
  return process.getBuiltinModule("node:crypto").createHash("sha256").update(data).digest();
}
