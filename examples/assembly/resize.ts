// /resize makes a picture smaller or larger: PNG in, PNG out, PPM or PGM likewise. The size is in the
// query: ?WxH, ?w=..&h=.. (one of them keeps the proportions) or ?scale=0.5

import { respond } from './luge';
import { size as bodyBytes } from './resize/body';
import { isNetpbm, NetpbmReader, NetpbmWriter } from './resize/netpbm';
import { isPng, PngReader } from './resize/png-reader';
import { PngWriter } from './resize/png-writer';
import { refuse, refusedReason, refusedStatus } from './resize/refusal';
import { Resampler } from './resize/resample';
import { RowSink, RowSource } from './resize/rows';
import { Size } from './resize/size';

function pass(source: RowSource, sink: RowSink, size: Size): bool {
  const resampler = new Resampler(source, sink, size.width, size.height);
  if (!resampler.run() || !source.finish()) return false;
  sink.finish();
  return true;
}

function resizePng(size: Size): bool {
  const source = new PngReader();
  if (!source.open() || !size.resolve(source.width, source.height)) return false;
  const sink = new PngWriter(size.width, size.height, source.channels, source.colourChunks);
  return pass(source, sink, size);
}

function resizeNetpbm(size: Size): bool {
  const source = new NetpbmReader();
  if (!source.open() || !size.resolve(source.width, source.height)) return false;
  return pass(source, new NetpbmWriter(size.width, size.height, source.channels), size);
}

function resize(): bool {
  if (bodyBytes == 0) return refuse(400, 'the body is empty; expected a PNG, PPM or PGM picture');
  const size = new Size();
  if (!size.parse()) return false;
  if (isPng()) return resizePng(size);
  if (isNetpbm()) return resizeNetpbm(size);
  return refuse(415, 'expected a PNG, a binary PPM (P6) or a binary PGM (P5) picture');
}

export function handle(): void {
  if (!resize()) respond(refusedStatus(), 'resize: ' + refusedReason() + '\n');
}
