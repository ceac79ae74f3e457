// The size that is asked for: ?WxH, ?w=..&h=.. (one of them is enough) or ?scale=0.5

import { query } from '../luge';
import { MAX_OUTPUT_PIXELS, MAX_SIDE } from './limits';
import { refuse } from './refusal';

export class Size {
  width: i32 = 0;
  height: i32 = 0;
  private scale: f64 = 0;

  /** Reads the query. */
  parse(): bool {
    const text = query();
    const by = text.indexOf('x');
    if (text.length > 0 && text.indexOf('=') < 0) {
      this.width = sideOf(text.substring(0, by));
      this.height = by < 0 ? -1 : sideOf(text.substring(by + 1));
      return this.width > 0 && this.height > 0 ? true : unclear();
    }
    const parts = text.split('&');
    for (let i = 0; i < parts.length; i++) {
      const equals = parts[i].indexOf('=');
      const key = parts[i].substring(0, max(0, equals));
      const value = parts[i].substring(equals + 1);
      if (key == 'w') this.width = sideOf(value);
      else if (key == 'h') this.height = sideOf(value);
      else if (key == 'scale') this.scale = scaleOf(value);
      else return unclear();
    }
    const sides = this.width != 0 || this.height != 0;
    if (this.width < 0 || this.height < 0 || !(this.scale >= 0)) return unclear();
    return sides != this.scale > 0 ? true : unclear();
  }

  /** Fills in what the query left open, from the size of the picture, and checks the limits. */
  resolve(inWidth: i32, inHeight: i32): bool {
    let width = <f64>this.width;
    let height = <f64>this.height;
    if (this.scale > 0) {
      width = <f64>inWidth * this.scale;
      height = <f64>inHeight * this.scale;
    } else if (width == 0) {
      width = (<f64>inWidth * height) / <f64>inHeight;
    } else if (height == 0) {
      height = (<f64>inHeight * width) / <f64>inWidth;
    }
    width = Math.max(1.0, Math.floor(width + 0.5));
    height = Math.max(1.0, Math.floor(height + 0.5));
    if (width > <f64>MAX_SIDE || height > <f64>MAX_SIDE || width * height > <f64>MAX_OUTPUT_PIXELS) {
      return refuse(413, 'the answer may have 8 Mpixel and 16384 to a side');
    }
    this.width = <i32>width;
    this.height = <i32>height;
    return true;
  }
}

function unclear(): bool {
  return refuse(400, 'expected a size: ?WxH, ?w=..&h=.. (one is enough) or ?scale=0.5');
}

/** 1 to 5 digits, or -1. */
function sideOf(text: string): i32 {
  if (text.length == 0 || text.length > 5) return -1;
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) < 0x30 || text.charCodeAt(i) > 0x39) return -1;
  }
  const side = <i32>parseInt(text, 10);
  return side > 0 ? side : -1;
}

/** A positive decimal without sign or exponent, or -1. */
function scaleOf(text: string): f64 {
  let points = 0;
  let digits = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code == 0x2e) points++;
    else if (code >= 0x30 && code <= 0x39) digits++;
    else return -1;
  }
  if (digits == 0 || digits > 12 || points > 1) return -1;
  const scale = parseFloat(text);
  return scale > 0 ? scale : -1;
}
