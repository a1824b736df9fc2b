/**
 * SHA-256. Node's cryptography is loaded by the first call and not by importing the package, of which it would be half
 * the cost.
 */
export function sha256(data: string | Uint8Array): Buffer {
  return process.getBuiltinModule("node:crypto").createHash("sha256").update(data).digest();
}
