"use strict";
// The numbers that the page carries, or is sent: bytes in base64, read one after the other.

/** The bytes that a text in base64 stands for. */
function bytesOf(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const letters = atob(text);
  const bytes = new Uint8Array(letters.length);
  for (let at = 0; at < letters.length; at++) bytes[at] = letters.charCodeAt(at);
  return bytes;
}

/** Reads varints one after the other. */
class Numbers {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }

  /** A whole number; exact up to 2^53, and close beyond. */
  next() {
    const bytes = this.bytes;
    let byte = bytes[this.at++];
    if (byte < 128) return byte;
    let value = byte & 127;
    let scale = 128;
    do {
      byte = bytes[this.at++];
      if (byte === undefined) throw new Error("its numbers are cut");
      value += (byte & 127) * scale;
      scale *= 128;
    } while (byte >= 128);
    return value;
  }

  /** A whole number with a sign. */
  signed() {
    const value = this.next();
    return value % 2 ? -(value + 1) / 2 : value / 2;
  }

  /** The same, of 64 bits, exact. */
  wide() {
    let value = 0n;
    let shift = 0n;
    let byte;
    do {
      byte = this.bytes[this.at++];
      value |= BigInt(byte & 127) << shift;
      shift += 7n;
    } while (byte >= 128);
    return value & 1n ? -((value + 1n) >> 1n) : value >> 1n;
  }
}

/** Reads ids of requests, each relative to the last. */
class Ids {
  constructor(numbers, wide) {
    this.numbers = numbers;
    this.wide = wide;
    this.last = wide ? 0n : 0;
  }

  next() {
    if (this.wide) this.last = BigInt.asUintN(64, this.last + this.numbers.wide());
    else this.last += this.numbers.signed();
    return this.last;
  }
}

/** Columns of numbers that grow. */
class Columns {
  constructor(types) {
    this.types = Object.entries(types);
    this.size = 0;
    this.lists = this.types.map(([, type]) => new type(0));
  }

  /** Sees to it that there is space for so many rows, and puts the columns on `owner` by their names; tells if they moved. */
  reserve(rows, owner) {
    if (rows <= this.size) return false;
    this.size = Math.max(rows, this.size * 2, 16);
    this.types.forEach(([name, type], nth) => {
      const longer = new type(this.size);
      longer.set(this.lists[nth]);
      owner[name] = this.lists[nth] = longer;
    });
    return true;
  }
}
