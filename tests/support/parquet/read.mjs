// Prints one Parquet file as JSON: schema, metadata, statistics, rows. Read by hyparquet, which shares no code with DuckDB.
// Integers beyond 2^53 are texts; dates are days, times and timestamps microseconds; bytes are hex.
import { parquetMetadataAsync, parquetReadObjects } from 'hyparquet'
import { asyncBufferFromFile } from 'hyparquet/src/node.js'
import { compressors } from 'hyparquet-compressors'

const hex = bytes => Buffer.from(bytes).toString('hex')
const parsers = {
  timestampFromMilliseconds: value => value * 1000n,
  timestampFromMicroseconds: value => value,
  timestampFromNanoseconds: value => value / 1000n,
  dateFromDays: value => value,
  jsonFromBytes: value => new TextDecoder().decode(value),
  uuidFromBytes: value => hex(value)
}
const plain = value => typeof value === 'bigint' ? String(value) : value instanceof Uint8Array ? hex(value) : value

const file = await asyncBufferFromFile(process.argv[2])
const metadata = await parquetMetadataAsync(file, { parsers })
const rows = await parquetReadObjects({ file, metadata, compressors, parsers, utf8: false })
process.stdout.write(JSON.stringify({ metadata, rows }, (key, value) => plain(value)))
