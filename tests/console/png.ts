// png.ts — makes a picture of flat colours small: the 256 colours it uses most, one byte per pixel.
import { deflateSync, inflateSync } from 'node:zlib';

interface Picture {
  width: number;
  height: number;
  channels: number;
  pixels: Uint8Array;
}

const SIGNATURE = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]);
const COLOURS = 256;

function chunks(png: Buffer): Map<string, Buffer> {
  const found = new Map<string, Buffer>();
  for (let at = 8; at < png.length; ) {
    const size = png.readUInt32BE(at),
      name = png.toString('latin1', at + 4, at + 8);
    found.set(
      name,
      Buffer.concat([found.get(name) ?? Buffer.alloc(0), png.subarray(at + 8, at + 8 + size)]),
    );
    at += size + 12;
  }
  return found;
}

function paeth(a: number, b: number, c: number): number {
  const p = a + b - c,
    pa = Math.abs(p - a),
    pb = Math.abs(p - b),
    pc = Math.abs(p - c);
  return pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
}

/** 8-bit RGB or RGBA without interlacing: what browsers write. */
function decode(png: Buffer): Picture {
  const parts = chunks(png),
    head = parts.get('IHDR')!;
  const width = head.readUInt32BE(0),
    height = head.readUInt32BE(4),
    channels = head[9] === 6 ? 4 : 3;
  const raw = inflateSync(parts.get('IDAT')!),
    line = width * channels,
    pixels = new Uint8Array(line * height);
  for (let y = 0; y < height; y++) {
    const filter = raw[y * (line + 1)]!;
    for (let x = 0; x < line; x++) {
      const at = y * line + x;
      const left = x >= channels ? pixels[at - channels]! : 0,
        up = y > 0 ? pixels[at - line]! : 0;
      const corner = x >= channels && y > 0 ? pixels[at - line - channels]! : 0;
      const add = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter]!;
      pixels[at] = raw[y * (line + 1) + 1 + x]! + add;
    }
  }
  return { width, height, channels, pixels };
}

function crc(bytes: Buffer): number {
  let value = ~0;
  for (const byte of bytes) {
    value ^= byte;
    for (let bit = 0; bit < 8; bit++) value = (value >>> 1) ^ (value & 1 ? 0xedb88320 : 0);
  }
  return ~value >>> 0;
}

function chunk(name: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(name, 'latin1'), data]),
    framed = Buffer.alloc(body.length + 8);
  framed.writeUInt32BE(data.length, 0);
  body.copy(framed, 4);
  framed.writeUInt32BE(crc(body), body.length + 4);
  return framed;
}

function distance(a: number, b: number): number {
  const red = (a >> 16) - (b >> 16),
    green = ((a >> 8) & 255) - ((b >> 8) & 255),
    blue = (a & 255) - (b & 255);
  return red * red + green * green + blue * blue;
}

export function shrink(png: Buffer): Buffer {
  const { width, height, channels, pixels } = decode(png);
  const colours = new Uint32Array(width * height),
    counts = new Map<number, number>();
  for (let i = 0; i < colours.length; i++) {
    const at = i * channels,
      colour = (pixels[at]! << 16) | (pixels[at + 1]! << 8) | pixels[at + 2]!;
    colours[i] = colour;
    counts.set(colour, (counts.get(colour) ?? 0) + 1);
  }
  const palette = [...counts]
    .sort((a, b) => b[1] - a[1])
    .slice(0, COLOURS)
    .map(([colour]) => colour);
  const nearest = new Map(palette.map((colour, index) => [colour, index]));
  for (const colour of counts.keys()) {
    if (nearest.has(colour)) continue;
    let best = 0;
    for (let i = 1; i < palette.length; i++)
      if (distance(palette[i]!, colour) < distance(palette[best]!, colour)) best = i;
    nearest.set(colour, best);
  }
  const lines = Buffer.alloc((width + 1) * height);
  for (let i = 0; i < colours.length; i++)
    lines[Math.floor(i / width) + 1 + i] = nearest.get(colours[i]!)!;
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 3, 0, 0, 0], 8);
  const table = Buffer.from(
    palette.flatMap((colour) => [colour >> 16, (colour >> 8) & 255, colour & 255]),
  );
  return Buffer.concat([
    SIGNATURE,
    chunk('IHDR', head),
    chunk('PLTE', table),
    chunk('IDAT', deflateSync(lines, { level: 9, memLevel: 9 })),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}
