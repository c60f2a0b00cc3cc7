// Arrays as the page holds them: base64 text in, typed arrays out. Pure functions.

const bytes = (base64) => {
  const characters = atob(base64);
  const read = new Uint8Array(characters.length);
  for (let i = 0; i < read.length; i += 1) read[i] = characters.charCodeAt(i);
  return read;
};

/** The number that 16 bits stand for: sign, five bits of exponent, ten of fraction. */
const half = (bits) => {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
};

let halves = null;
const table = () => {
  halves ??= Float32Array.from({ length: 65536 }, (_, bits) => half(bits));
  return halves;
};

const widened = (packed) => {
  const numbers = table();
  const wide = new Float32Array(packed.length);
  for (let i = 0; i < packed.length; i += 1) wide[i] = numbers[packed[i]];
  return wide;
};

const readers = {
  float16: (buffer) => widened(new Uint16Array(buffer)),
  float32: (buffer) => new Float32Array(buffer),
  uint8: (buffer) => Float32Array.from(new Uint8Array(buffer)),
};

/** The numbers of {type, base64} as a Float32Array; type is "float16", "float32" or "uint8". */
export const numbers = ({ type, base64 }) => readers[type](bytes(base64).buffer);

/** True or false for each of `count` bits, and the text that holds them: for a share of rows. */
export const bitsText = (rows, count) => {
  const packed = new Uint8Array(Math.ceil(count / 8));
  for (const row of rows) packed[row >> 3] |= 1 << (row & 7);
  const text = btoa(String.fromCharCode(...packed));
  return text.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
};

/** The rows below `count` that a text of `bitsText` holds; none for any other text. */
export const rowsFrom = (text, count) => {
  if (!/^[\w-]*$/.test(text) || text.length % 4 === 1) return [];
  const packed = bytes(text.replaceAll("-", "+").replaceAll("_", "/"));
  const rows = Array.from({ length: count }, (_, row) => row);
  return rows.filter((row) => (packed[row >> 3] ?? 0) & (1 << (row & 7)));
};
