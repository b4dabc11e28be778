// An octet queue: pieces of a stream joined, for a reader that cuts them where its own units end.

/** OctetQueue has the octets that are not taken yet: from `at` on. The reader moves `at`. */
export class OctetQueue {
  octets: Buffer = Buffer.alloc(0);
  at = 0;

  get left(): number {
    return this.octets.length - this.at;
  }

  /** push adds a piece, which may be used until keep() was called. */
  push(piece: Uint8Array): void {
    const next = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
    this.octets = this.left > 0 ? Buffer.concat([this.octets.subarray(this.at), next]) : next;
    this.at = 0;
  }

  /** keep copies what is left, for the piece that it lies in will be written over. */
  keep(): void {
    this.octets = Buffer.from(this.octets.subarray(this.at));
    this.at = 0;
  }
}
