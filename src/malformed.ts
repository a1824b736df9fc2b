/** Why a message cannot be read. It never leaves `decode`, which turns it into a value. */
export class Malformed extends Error {}
